package gateway

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// web serves what scripts ask at http://10.0.0.8, in virtual time.
type web struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

// serve has the gateway find h at 10.0.0.8:80, for newSim.
func serve(t *testing.T, h http.HandlerFunc) func(*sim, *Options) {
	return func(_ *sim, o *Options) {
		w := &web{conns: make(chan net.Conn), done: make(chan struct{})}
		srv := &http.Server{Handler: h}
		ended := make(chan struct{})
		go func() { srv.Serve(w); close(ended) }()
		t.Cleanup(func() { srv.Close(); <-ended })
		dial := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "10.0.0.8:80" {
				return dial(ctx, network, address)
			}
			ours, theirs := net.Pipe()
			select {
			case w.conns <- theirs:
				return ours, nil
			case <-w.done:
				return nil, net.ErrClosed
			}
		}
	}
}

func (w *web) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *web) Close() error {
	w.once.Do(func() { close(w.done) })
	return nil
}

func (w *web) Addr() net.Addr { return &net.TCPAddr{} }
