package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// What two parsers might cut into requests differently reaches an application as
// one request, or not at all.
func TestHTTPSmuggles(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	r := newRouter()
	addr, _ := origin(t, func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, q.Host+q.URL.Path)
	})
	r.lead("wiki.corp", 80, wire.TCP, addr)
	p := start(t, r)
	const hidden = "GET /hidden HTTP/1.1\r\nHost: inner.corp\r\n\r\n"
	for name, head := range map[string]string{
		"both lengths":         "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":          "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
		"a list of lengths":    "Content-Length: 0, 44\r\n\r\n",
		"a signed length":      "Content-Length: +0\r\n\r\n",
		"an unknown coding":    "Transfer-Encoding: xchunked\r\n\r\n",
		"two codings":          "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
		"two lines of codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"a folded line":        "X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
		"a space in a name":    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"a length that hides":  "Connection: Content-Length\r\nContent-Length: 44\r\n\r\n",
		"a bare newline":       "X: a\nTransfer-Encoding: chunked\n\n0\n\n",
		"a NUL":                "X: a\x00b\r\n\r\n",
		"another host":         "Host: inner.corp\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			seen = nil
			mu.Unlock()
			c := dialProxy(t, p)
			c.SetDeadline(time.Now().Add(time.Minute))
			io.WriteString(c, "POST http://wiki.corp/open HTTP/1.1\r\nHost: wiki.corp\r\n"+head+hidden)
			c.(interface{ CloseWrite() error }).CloseWrite()
			io.Copy(io.Discard, c)
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(seen, " "); got != "" && got != "wiki.corp/open" {
				t.Errorf("the application sees %s", got)
			}
		})
	}
}
