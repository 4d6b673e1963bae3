package proxy

import (
	"context"
	"net"
	"sync"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// carry offers a program's connection to the router, and returns when it has
// ended. accept and refuse say to the program how that came out.
func (p *Proxy) carry(ctx context.Context, c *conn, t front.Target, accept func() error, refused func(*wire.Problem)) {
	defer c.release()
	if !p.opt.Router.Covers(t) {
		refused(p.notOurs(t))
		c.farewell()
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := watch(c, cancel)
	var (
		mu    sync.Mutex // Accept may be under way yet when Carry has returned
		given bool       // the connection is the router's
		over  bool
		why   *wire.Problem
	)
	p.opt.Router.Carry(ctx, front.Offer{
		Target: t, Via: front.ViaProxy,
		Accept: func() (front.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if over {
				return nil, net.ErrClosed
			}
			l.stop()
			if err := accept(); err != nil {
				return nil, err
			}
			given = true
			return c.plain(), nil
		},
		Refuse: func(problem *wire.Problem) { // said below: who calls does not wait
			mu.Lock()
			why = problem
			mu.Unlock()
		},
	})
	mu.Lock()
	over = true
	mu.Unlock()
	if given {
		return
	}
	l.stop()
	if why == nil {
		c.abort()
		return
	}
	refused(why)
	c.farewell()
}
