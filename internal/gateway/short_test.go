package gateway

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// TestShortFlow: HTTP/2 has no half of a stream here, so an application that ends
// its direction first cuts the client off. It must not take what it got for all.
func TestShortFlow(t *testing.T) {
	for name, row := range map[string]struct {
		first bool // the client ends its direction before the application does
	}{"the application is first": {}, "the client is first": {first: true}} {
		t.Run(name, func(t *testing.T) {
			saw := make(chan error, 1)
			s := newSite(t, func(c *net.TCPConn) {
				if row.first {
					_, err := io.Copy(io.Discard, c)
					saw <- err
				}
				io.WriteString(c, "bye")
				c.CloseWrite()
				if !row.first {
					_, err := io.Copy(io.Discard, c)
					saw <- err
				}
			}, nil)
			c := connectors["h2"](t, s, s.app, s.ticket().bearer())
			if c.status != http.StatusOK {
				t.Fatal(c.status)
			}
			io.WriteString(c, "the beginning")
			if row.first {
				c.closeWrite()
			}
			if b, err := io.ReadAll(c); string(b) != "bye" || err != nil {
				t.Errorf("the client got %q, %v", b, err)
			}
			if err := <-saw; (err == nil) != row.first {
				t.Errorf("the application saw %v", err)
			}
		})
	}
}
