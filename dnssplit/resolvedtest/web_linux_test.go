package resolvedtest

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// A web server ends with its test, and with it all that it serves.
func TestServeWebEnds(t *testing.T) {
	var ended atomic.Bool
	var c net.Conn
	t.Run("test", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan struct{})
		ServeWeb(t, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(asked)
			<-r.Context().Done()
			time.Sleep(50 * time.Millisecond) // so that one that does not wait is seen
			ended.Store(true)
		}))
		if c, err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		<-asked
	})
	if !ended.Load() {
		t.Error("it serves on")
	}
	if c != nil {
		c.Close()
	}
}
