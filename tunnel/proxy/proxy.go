package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
)

// Options make a Proxy. Router and Peer are needed.
type Options struct {
	Router front.Router
	// Peer returns nil for a connection of a live process of this user, and an
	// error for anyone else's and on any doubt: those are reset.
	Peer func(net.Conn) error
	// Port is tried first; 0: one that follows from the user and Profile, so that
	// it is the same tomorrow. Where neither can be had, another one is taken.
	Port uint16
	// Profile is the client's, where it is not the everyday one.
	Profile string
	// Log gets what the administrator may want to know; nil discards it.
	Log *slog.Logger
}

// Limits. A program that comes when all are taken is reset.
const (
	maxConns        = 1024
	maxAssociations = 64
	maxHeader       = 64 << 10
)

// patience is how long a program may take to say what it wants.
const patience = 10 * time.Second

// Proxy is the listener. Make it with New.
type Proxy struct {
	opt   Options
	ready chan struct{}
	addr  atomic.Pointer[netip.AddrPort]
	pac   atomic.Pointer[rules]

	ctx          context.Context // Run's
	patience     time.Duration
	conns        chan struct{} // holds one for each that is served
	associations chan struct{}
	forward      http.Handler
	// serving is held for reading by whatever serves a program, and for good by
	// the end of Run.
	serving sync.RWMutex
	carried sync.WaitGroup // Carry of connections in memory
}

// New makes a Proxy, which listens in Run.
func New(o Options) *Proxy {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{
		opt:          o,
		ready:        make(chan struct{}),
		patience:     patience,
		conns:        make(chan struct{}, maxConns),
		associations: make(chan struct{}, maxAssociations),
	}
	p.pac.Store(&rules{})
	return p
}

// Apply has the PAC file name what w leads to. Of w it keeps names, networks and
// ports alone.
func (p *Proxy) Apply(w session.Wanted) { p.pac.Store(newRules(w)) }

// Ready is closed when Run listens, or has found that it cannot.
func (p *Proxy) Ready() <-chan struct{} { return p.ready }

// Addr is where it listens; invalid where it does not.
func (p *Proxy) Addr() netip.AddrPort {
	if a := p.addr.Load(); a != nil {
		return *a
	}
	return netip.AddrPort{}
}

// Run serves until ctx ends, and returns when nothing of it is left: nil, or why
// it could not listen. It may be called once.
func (p *Proxy) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := listen(ctx, candidates(p.opt.Port, p.opt.Profile))
	if err != nil {
		close(p.ready)
		return fmt.Errorf("listen for programs that use a proxy: %w", err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	p.ctx = ctx
	transport := p.transport()
	p.forward = p.forwarder(transport)
	web := newHandoff(l.Addr())
	server := &http.Server{
		Handler:           http.HandlerFunc(p.serveHTTP),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: p.patience,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		Protocols:         new(http.Protocols),
		ErrorLog:          slog.NewLogLogger(p.opt.Log.Handler(), slog.LevelDebug),
	}
	server.Protocols.SetHTTP1(true)
	p.addr.Store(&addr)
	close(p.ready)

	var wg sync.WaitGroup
	wg.Go(func() { server.Serve(web) }) // ends with web
	stop := context.AfterFunc(ctx, func() { l.Close() })
	p.accept(ctx, l, web)
	stop()
	p.addr.Store(nil)
	cancel()
	web.Close()
	wg.Wait() // now the server knows all that it was given
	server.Close()
	p.serving.Lock() // for good: nothing is served any more
	transport.CloseIdleConnections()
	p.carried.Wait()
	return nil
}

// accept takes connections until the listener is closed.
func (p *Proxy) accept(ctx context.Context, l *net.TCPListener, web *handoff) {
	for {
		c, err := l.AcceptTCP()
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
		select {
		case p.conns <- struct{}{}:
			go p.greet(ctx, &conn{TCPConn: c, release: sync.OnceFunc(func() { <-p.conns })}, web)
		default:
			p.opt.Log.Warn("proxy connection refused: too many are open", "limit", maxConns)
			reset(c)
		}
	}
}

// greet tells by a connection's first byte what it speaks, and serves it.
func (p *Proxy) greet(ctx context.Context, c *conn, web *handoff) {
	if !p.serving.TryRLock() {
		c.abort()
		return
	}
	defer p.serving.RUnlock()
	if err := p.opt.Peer(c.TCPConn); err != nil {
		p.opt.Log.Warn("proxy connection refused", "error", err)
		c.abort()
		return
	}
	stop := context.AfterFunc(ctx, c.abort)
	first := make([]byte, 1)
	c.SetReadDeadline(time.Now().Add(p.patience))
	_, err := c.TCPConn.Read(first)
	if !stop() {
		return
	}
	if err != nil {
		c.Close()
		return
	}
	c.head = first
	if first[0] == socksVersion {
		p.serveSOCKS(ctx, c)
		return
	}
	c.SetReadDeadline(time.Time{})
	web.give(ctx, c)
}
