package proxy

import (
	"context"

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
	given := false
	var why *wire.Problem
	p.opt.Router.Carry(ctx, front.Offer{
		Target: t,
		Accept: func() (front.Conn, error) {
			l.stop()
			if err := accept(); err != nil {
				return nil, err
			}
			given = true
			return c.plain(), nil
		},
		Refuse: func(problem *wire.Problem) { why = problem }, // said below: who calls does not wait
	})
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
