package tunnel

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/tunnel/front"
)

// appConn is an application's connection; a *net.TCPConn is one.
type appConn = front.Conn

// reset closes an application's connection so that the application sees
// "connection reset" and not an end.
func reset(c appConn) {
	c.SetLinger(0)
	c.Close()
}

// want says where to listen: on the first of ports that can be had. Port 0 is
// one that the kernel chooses.
type want struct {
	addr  netip.Addr
	ports []uint16
}

// listener is where an application's connections come in.
type listener interface {
	// Accept waits for one. It returns an error that is net.ErrClosed after Close.
	Accept() (appConn, error)
	Addr() netip.AddrPort
	Close() error
}

type tcpListener struct{ *net.TCPListener }

func (l tcpListener) Accept() (appConn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (l tcpListener) Addr() netip.AddrPort {
	return l.TCPListener.Addr().(*net.TCPAddr).AddrPort()
}

// listenLoopback listens on a loopback address, where the platform has one to
// each application and tells whose process connects.
func listenLoopback(ctx context.Context, w want) (listener, error) {
	if err := platform(); err != nil {
		return nil, err
	}
	var err error
	for _, port := range w.ports {
		var l net.Listener
		l, err = (&net.ListenConfig{KeepAlive: -1}).Listen(ctx, "tcp4", netip.AddrPortFrom(w.addr, port).String())
		if err == nil {
			return tcpListener{l.(*net.TCPListener)}, nil
		}
		if !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, err
}

// listenBy listens as Options.Listen does.
func listenBy(open func(netip.AddrPort) (net.Listener, error)) func(context.Context, want) (listener, error) {
	return func(_ context.Context, w want) (listener, error) {
		l, err := open(netip.AddrPortFrom(w.addr, w.ports[0]))
		if err != nil {
			return nil, err
		}
		return givenListener{l}, nil
	}
}

// givenListener is one of Options.Listen.
type givenListener struct{ net.Listener }

func (l givenListener) Accept() (appConn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	a, ok := c.(appConn)
	if !ok {
		c.Close()
		return nil, errors.New("the connection has no half-close")
	}
	return a, nil
}

func (l givenListener) Addr() netip.AddrPort {
	a, _ := netip.ParseAddrPort(l.Listener.Addr().String())
	return a
}

// accept hands each connection of a process of this user to admit, and resets
// the others, until the listener is closed.
func (p *plane) accept(ctx context.Context, l listener, admit func(appConn) *flow) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, most likely: a connection waits in the backlog
			p.opt.Log.Warn("accept failed", "listen", l.Addr(), "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		p.wg.Go(func() {
			if err := p.peer(c); err != nil {
				reset(c)
				p.opt.Log.Warn("connection refused", "listen", l.Addr(), "error", err)
				return
			}
			var f *flow
			if !p.do(func() { f = admit(c) }) {
				reset(c)
			}
			if f != nil {
				f.run(true)
			}
		})
	}
}
