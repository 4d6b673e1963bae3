package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// ask sends a request as it stands, and returns the answer, read whole.
func ask(t *testing.T, p *Proxy, request string) (*http.Response, string) {
	t.Helper()
	c := dialProxy(t, p)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	body := ""
	if method != "CONNECT" || res.StatusCode != http.StatusOK {
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Errorf("%q: %v", request, err)
		}
		body = string(b)
	}
	return res, body
}

func TestHTTPAnswers(t *testing.T) {
	r := newRouter()
	addr, _ := origin(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "here is "+r.Host) })
	r.lead("wiki.corp", 80, wire.TCP, addr)
	r.lead("wiki.corp", 443, wire.TCP, addr)
	r.lead("fd00::1", 443, wire.TCP, addr)
	r.lead("closed.corp", 80, wire.TCP, closedPort(t))
	for host, p := range map[string]*wire.Problem{
		"away.corp":   {Code: wire.CodeAppUnreachable, Status: 504, Title: "The application does not answer"},
		"gone.corp":   {Code: wire.CodeAppUnreachable, Status: 502, Title: "The application cannot be reached"},
		"denied.corp": {Code: wire.CodeDenied, Status: 403, Title: "Access was ended <b>", Verdict: &wire.Verdict{Decision: "d7"}},
		"none.corp":   {Code: wire.CodeNoSession, Title: "The controller is not reached"},
	} {
		r.says[target(host, 80)] = p
	}
	p := start(t, r)
	for _, tt := range []struct {
		authority string
		connect   bool // by CONNECT alone
		status    int
		kind      string
	}{
		{"wiki.corp:80", false, 200, ""},
		{"WIKI.corp.:80", false, 200, ""},
		{"wiki.corp:443", true, 200, ""},
		{"[fd00::1]:443", true, 200, ""},
		{"closed.corp:80", false, 502, "connection_refused"},
		{"away.corp:80", false, 504, "connection_timeout"},
		{"gone.corp:80", false, 502, "destination_unavailable"},
		{"denied.corp:80", false, 403, "http_request_denied"},
		{"none.corp:80", false, 503, "proxy_internal_response"},
		{"example.com:80", false, 403, "http_request_denied"},
		{"127.0.0.1:" + portOf(p), false, 403, "http_request_denied"},
		{"u:p@wiki.corp:80", false, 400, "http_request_error"},
		{"0x7f.1:80", false, 400, "http_request_error"},
		{"127.1:80", false, 400, "http_request_error"},
		{"2130706433:80", false, 400, "http_request_error"},
		{"[::ffff:10.0.0.1]:80", false, 400, "http_request_error"},
		{"[fe80::1%25lo]:80", false, 400, "http_request_error"},
		{"wiki..corp:80", false, 400, "http_request_error"},
		{"wiki.corp:0", false, 400, "http_request_error"},
		{"wiki.corp:080", false, 400, "http_request_error"},
		{"wiki.corp:65616", false, 400, "http_request_error"},
		{"wiki.corp", true, 400, "http_request_error"},
		{"/", true, 400, "http_request_error"},
		{"wiki.corp:80/x", true, 400, "http_request_error"},
	} {
		for _, request := range []string{
			"CONNECT " + tt.authority + " HTTP/1.1\r\nHost: wiki.corp:80\r\n\r\n",
			"GET http://" + tt.authority + "/ HTTP/1.1\r\nHost: wiki.corp\r\nConnection: close\r\n\r\n",
		} {
			if strings.HasPrefix(request, "GET") && tt.connect {
				continue
			}
			t.Run(strings.ReplaceAll(request[:strings.IndexByte(request, '\r')], "/", "|"), func(t *testing.T) {
				res, body := ask(t, p, request)
				kind := strings.TrimPrefix(res.Header.Get("Proxy-Status"), "tidegate; error=")
				if res.StatusCode != tt.status || kind != tt.kind && !strings.HasPrefix(body, "400 Bad Request: ") {
					t.Errorf("%d %s: %s", res.StatusCode, kind, body)
				}
				if res.StatusCode == 403 && body == "" {
					t.Error("it does not say why")
				}
			})
		}
	}
	res, body := ask(t, p, "GET http://denied.corp/ HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n")
	if !strings.Contains(body, "Access was ended &lt;b&gt;") || res.Header.Get("Tidegate-Decision") != "d7" || res.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%v %s", res.Header, body)
	}
	if _, body := ask(t, p, "CONNECT example.com:443 HTTP/1.1\r\n\r\n"); !strings.Contains(body, "none of your applications") {
		t.Error(body)
	}
	for _, request := range []string{
		"GET https://wiki.corp/ HTTP/1.1\r\nHost: wiki.corp\r\n\r\n",
		"GET ftp://wiki.corp/ HTTP/1.1\r\nHost: wiki.corp\r\n\r\n",
		"TRACE http://wiki.corp/ HTTP/1.1\r\nHost: wiki.corp\r\n\r\n",
		"GET http:wiki.corp HTTP/1.1\r\nHost: wiki.corp\r\n\r\n",
		"CONNECT wiki.corp:80 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
	} {
		if res, body := ask(t, p, request); res.StatusCode != 400 {
			t.Errorf("%q: %d %s", request, res.StatusCode, body)
		}
	}
}

// Requests on one connection go to the application on one connection, whole and
// without what concerns one hop.
func TestHTTPKeepsAlive(t *testing.T) {
	var mu sync.Mutex
	var seen []http.Header
	r := newRouter()
	addr, _ := origin(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Header.Clone())
		mu.Unlock()
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		w.Header().Set("X-End", "1")
		fmt.Fprintf(w, "%s %s %s %q", r.Method, r.Host, r.RequestURI, b)
	})
	r.lead("wiki.corp", 80, wire.TCP, addr)
	p := start(t, r)
	c := dialProxy(t, p)
	in := bufio.NewReader(c)
	const want, requests = `POST wiki.corp /a%2fb?x=%zz;y "body"`, 20
	for i := range requests {
		io.WriteString(c, "POST http://wiki.corp/a%2fb?x=%zz;y HTTP/1.1\r\nHost: other.example\r\nContent-Length: 4\r\nProxy-Connection: keep-alive\r\n"+
			"Proxy-Authorization: Basic eA==\r\nConnection: X-Drop\r\nX-Drop: 1\r\nX-Keep: 1\r\nX-Forwarded-For: me\r\n\r\nbody")
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil || string(b) != want || res.Header.Get("X-End") != "1" || res.Header.Get("X-Hop") != "" || res.Header.Get("Via") != "1.1 tidegate" {
			t.Errorf("%d: %q, %v, %v", i, b, res.Header, err)
		}
	}
	// The next request may come before the connection of the last is kept.
	if n := r.count(target("wiki.corp", 80)); n > requests/2 {
		t.Errorf("%d connections", n)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, h := range seen {
		for name := range h {
			switch name {
			case "X-Keep", "X-Forwarded-For", "Via", "Content-Length":
			default:
				t.Errorf("the application sees %s", name)
			}
		}
	}
}

// An answer that was cut off is not taken for whole.
func TestHTTPCutOff(t *testing.T) {
	r := newRouter()
	came := make(chan struct{})
	addr, _ := origin(t, func(w http.ResponseWriter, r *http.Request) {
		c, b, _ := http.NewResponseController(w).Hijack()
		b.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart")
		b.Flush()
		<-came
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	})
	r.lead("wiki.corp", 80, wire.TCP, addr)
	p := start(t, r)
	c := dialProxy(t, p)
	io.WriteString(c, "GET http://wiki.corp/ HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(res.Body, make([]byte, 4))
	close(came)
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("it ends well after %q", b)
	}
}

// What is asked of the proxy itself is asked by no web page.
func TestPagesAreRefused(t *testing.T) {
	p := start(t, newRouter())
	at := p.Addr().String()
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"the file", "GET /proxy.pac HTTP/1.1\r\nHost: " + at, 200},
		{"by localhost", "GET /proxy.pac HTTP/1.1\r\nHost: localhost:" + portOf(p), 200},
		{"its head", "HEAD /proxy.pac HTTP/1.1\r\nHost: " + at, 200},
		{"typed by the user", "GET /proxy.pac HTTP/1.1\r\nSec-Fetch-Site: none\r\nHost: " + at, 200},
		{"rebinding", "GET /proxy.pac HTTP/1.1\r\nHost: evil.example:" + portOf(p), 403},
		{"another port", "GET /proxy.pac HTTP/1.1\r\nHost: 127.0.0.1:1", 403},
		{"no host", "GET /proxy.pac HTTP/1.0\r\nX: y", 403},
		{"a script of a page", "GET /proxy.pac HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\nHost: " + at, 403},
		{"of the same site", "GET /proxy.pac HTTP/1.1\r\nSec-Fetch-Site: same-site\r\nHost: " + at, 403},
		{"twice", "GET /proxy.pac HTTP/1.1\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\nHost: " + at, 403},
		{"an origin", "GET /proxy.pac HTTP/1.1\r\nOrigin: null\r\nHost: " + at, 403},
		{"a referer", "GET /proxy.pac HTTP/1.1\r\nReferer: https://evil.example/\r\nHost: " + at, 403},
		{"a WebSocket", "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://evil.example\r\nHost: " + at, 403},
		{"a form", "POST /proxy.pac HTTP/1.1\r\nContent-Length: 0\r\nHost: " + at, 405},
		{"something else", "GET / HTTP/1.1\r\nHost: " + at, 404},
		{"no path", "OPTIONS * HTTP/1.1\r\nHost: " + at, 200}, // net/http's own, and empty
		{"two slashes", "GET //wiki.corp/ HTTP/1.1\r\nHost: " + at, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body := ask(t, p, tt.request+"\r\nConnection: close\r\n\r\n")
			if res.StatusCode != tt.status || strings.Contains(body, "FindProxyForURL") != (tt.status == 200 && strings.HasPrefix(tt.request, "GET")) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if strings.Contains(tt.request, "/proxy.pac") && (res.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" || res.Header.Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("%v", res.Header)
			}
		})
	}
}

func TestProgramsOfOthersAreReset(t *testing.T) {
	p := start(t, newRouter(), func(p *Proxy) {
		p.opt.Peer = func(c net.Conn) error { return fmt.Errorf("%s is another user's", c.RemoteAddr()) }
	})
	for _, first := range []string{"\x05\x01\x00", "GET /proxy.pac HTTP/1.1\r\nHost: " + p.Addr().String() + "\r\n\r\n"} {
		c, err := net.Dial("tcp", p.Addr().String())
		if err != nil {
			continue // reset already
		}
		defer c.Close()
		_, werr := io.WriteString(c, first)
		if b, err := io.ReadAll(c); err == nil && werr == nil || len(b) > 0 {
			t.Errorf("%q: %q, %v", first, b, err)
		}
	}
}

// Who is slow, or floods, is given up; others are served meanwhile.
func TestSlowAndFlooding(t *testing.T) {
	p := start(t, newRouter(), func(p *Proxy) { p.patience = 200 * time.Millisecond })
	for _, first := range []string{"", "\x05", "\x05\x01\x00\x05\x01\x00\x03\xff", "G", "GET / HTTP/1.1\r\nX: "} {
		c := dialProxy(t, p)
		io.WriteString(c, first)
		if _, err := io.ReadAll(c); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%q: %v", first, err)
		}
	}
	c := dialProxy(t, p)
	go func() {
		io.WriteString(c, "GET http://wiki.corp/ HTTP/1.1\r\n")
		for range 1 << 10 {
			if _, err := io.WriteString(c, "X: "+strings.Repeat("y", 1<<10)+"\r\n"); err != nil {
				return
			}
		}
	}()
	if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", res.StatusCode)
	}
}

// A program that goes away while the gateway is asked takes its flow along.
func TestGoneWhileAsking(t *testing.T) {
	for _, first := range []string{
		"\x05\x01\x00\x05\x01\x00\x03\x09slow.corp\x00\x50",
		"CONNECT slow.corp:80 HTTP/1.1\r\n\r\n",
		"CONNECT slow.corp:80 HTTP/1.1\r\n\r\nahead of the answer",
		"GET http://slow.corp/ HTTP/1.1\r\nHost: slow.corp\r\n\r\n",
	} {
		r := newRouter()
		gone := make(chan struct{})
		r.hangs[target("slow.corp", 80)] = gone
		p := start(t, r)
		c := dialProxy(t, p)
		io.WriteString(c, first)
		if first[0] == 5 {
			io.ReadFull(c, make([]byte, 2))
		}
		select {
		case <-gone:
			t.Errorf("%q: given up at once", first)
		case <-time.After(50 * time.Millisecond):
		}
		c.Close()
		select {
		case <-gone:
		case <-time.After(30 * time.Second):
			t.Errorf("%q: it is asked for yet", first)
		}
	}
}

// Run ends whatever goes on.
func TestEndsWithAllOpen(t *testing.T) {
	r := newRouter()
	addr, _ := origin(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	r.lead("wiki.corp", 80, wire.TCP, addr)
	r.hangs[target("slow.corp", 80)] = make(chan struct{})
	p := start(t, r) // whose clean-up is the test
	for _, first := range []string{"", "\x05", "GET", "CONNECT wiki.corp:80 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://wiki.corp/ HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT slow.corp:80 HTTP/1.1\r\n\r\n", "\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"} {
		io.WriteString(dialProxy(t, p), first)
	}
	time.Sleep(50 * time.Millisecond) // not needed: it may end at any moment
}

func TestPorts(t *testing.T) {
	a, b := candidates(0, ""), candidates(0, "work")
	if len(a) < 2 || a[len(a)-1] != 0 || a[0] == b[0] || a[0] != candidates(0, "")[0] || candidates(1080, "")[0] != 1080 {
		t.Errorf("%v, %v", a, b)
	}
	for _, port := range a[:len(a)-1] {
		if port < firstPort || port >= firstPort+ports {
			t.Errorf("%d", port)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := uint16(l.Addr().(*net.TCPAddr).Port)
	p := start(t, newRouter(), func(p *Proxy) { p.opt.Port = taken })
	if at := p.Addr(); at.Port() == taken || at.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		t.Errorf("it listens at %s", at)
	}
}
