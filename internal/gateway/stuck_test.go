package gateway

//lint:file-ignore SA1019 the client is to be another implementation's

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// TestStuckFlowsHarmNobody: flows whose applications do not read hold up no other
// flow of their connection.
func TestStuckFlowsHarmNobody(t *testing.T) {
	const stuck = 12
	for _, lane := range []string{"h2", "h3"} {
		t.Run(lane, func(t *testing.T) {
			done := make(chan struct{})
			s := newSite(t, func(c *net.TCPConn) {
				first := make([]byte, 1)
				io.ReadFull(c, first)
				if first[0] == 's' {
					<-done
					return
				}
				c.Write(first)
				echo(c)
			}, nil)
			var open func() io.ReadWriter
			if lane == "h2" {
				cc, err := (&http2.Transport{}).NewClientConn(s.tcp(t, s.g.Addr(), s.device, "h2"))
				if err != nil {
					t.Fatal(err)
				}
				bearer := s.ticket().bearer()
				open = func() io.ReadWriter {
					body, in := io.Pipe()
					res, err := cc.RoundTrip(&http.Request{Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: s.app}, Host: s.app, Header: http.Header{"Proxy-Authorization": {bearer}}, Body: body, ContentLength: -1})
					if err != nil || res.StatusCode != http.StatusOK {
						t.Fatalf("%v, %v", res, err)
					}
					t.Cleanup(func() { res.Body.Close(); in.Close() })
					return readWriter{res.Body, in}
				}
			} else {
				c := s.client(t, s.g.Addr(), s.device)
				c.admit(s.ticket())
				open = func() io.ReadWriter { return c.flow(s.app) }
			}
			t.Cleanup(func() { close(done) })
			var sent atomic.Int64
			for range stuck {
				rw := open()
				go func() {
					for chunk := []byte{'s'}; ; chunk = make([]byte, 64<<10) {
						n, err := rw.Write(chunk)
						sent.Add(int64(n))
						if err != nil {
							return
						}
					}
				}()
			}
			for before := int64(-1); sent.Load() != before || before < stuck*(1<<20); time.Sleep(300 * time.Millisecond) {
				before = sent.Load()
			}
			answer := make(chan error, 1)
			rw := open()
			go func() {
				io.WriteString(rw, "hello")
				_, err := io.ReadFull(rw, make([]byte, 5))
				answer <- err
			}()
			select {
			case err := <-answer:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatalf("a flow is held up by others, which sent %d MiB", sent.Load()>>20)
			}
		})
	}
}
