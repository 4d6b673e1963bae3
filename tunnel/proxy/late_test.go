package proxy

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/tidegate/tidegate/tunnel/front"
)

// lateRouter returns before it accepts.
type lateRouter struct {
	front.Router
	accepted chan error
}

func (lateRouter) Covers(front.Target) bool { return true }

func (r lateRouter) Carry(_ context.Context, o front.Offer) {
	go func() {
		c, err := o.Accept()
		if err == nil {
			c.SetLinger(0)
			c.Close()
		}
		r.accepted <- err
	}()
}

// A router that accepts when it has returned already gets nothing, or what it
// has to close; the program sees an end.
func TestAcceptedLate(t *testing.T) {
	r := lateRouter{accepted: make(chan error, 1)}
	p := start(t, r)
	for range 50 {
		for _, first := range []string{
			"\x05\x01\x00\x05\x01\x00\x03\x09late.corp\x00\x50",
			"CONNECT late.corp:80 HTTP/1.1\r\n\r\n",
			"GET http://late.corp/ HTTP/1.1\r\nHost: late.corp\r\nConnection: close\r\n\r\n",
		} {
			c, err := net.Dial("tcp", p.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, first)
			io.Copy(io.Discard, c)
			c.Close()
			<-r.accepted
		}
	}
}
