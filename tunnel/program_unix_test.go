//go:build unix

package tunnel

import (
	"io"
	"net"
	"testing"

	"github.com/tidegate/tidegate/tunnel/front"
)

// TestProgramReset: a program's reset, which the kernel tells once. Where a write
// has met it, the read sees an end in order, which it is not; where it was told
// the end of its own direction before, a broken write means nothing.
func TestProgramReset(t *testing.T) {
	type wrapped struct{ *net.TCPConn } // as the proxy's are
	for _, c := range []struct {
		name   string
		wraps  bool
		resets bool
		ended  bool // our direction
	}{
		{"it resets", false, true, false},
		{"it resets, and is a proxy's", true, true, false},
		{"it ends", false, false, false},
		{"it ends after us", false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			far, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			near, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			failed := false
			g := newProgram(front.Offer{Accept: func() (front.Conn, error) {
				if c.wraps {
					return wrapped{near.(*net.TCPConn)}, nil
				}
				return near.(*net.TCPConn), nil
			}}, func(error) { failed = true })
			g.accept()
			defer g.Close()
			if c.ended {
				if err := g.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			if c.resets {
				far.(*net.TCPConn).SetLinger(0)
				far.Close()
				for err == nil {
					_, err = g.Write([]byte("x"))
				}
			} else {
				far.(*net.TCPConn).CloseWrite()
			}
			if _, err := g.Read(make([]byte, 1)); (err != io.EOF) != c.resets || failed != c.resets {
				t.Errorf("read: %v, told that it failed: %v", err, failed)
			}
		})
	}
}
