package tunnel

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/carrier"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// roamTimeout bounds a carrier's move to another path.
const roamTimeout = 3 * time.Second

// roam does what a change of the machine's network asks for, or its sleep.
func (p *plane) roam(change netwatch.Change) {
	for _, c := range p.channels {
		c.due() // timers stand still while the machine sleeps
		if change.Up && !p.stopping {
			c.roam()
		}
	}
}

// roam moves the links to the network there is now, or dials anew where that does
// not work. Whoever waits out a back-off waits no more, and what has come due while
// the machine slept is seen to.
func (c *channel) roam() {
	c.due()
	c.lanes.unlearn()
	switch {
	case c.link != nil:
		for _, l := range c.all() {
			c.move(l)
		}
	case c.state == session.Connecting:
		if a := c.attempt; a != nil && a.begins > c.p.clock() {
			a.cancel()
			c.attempt = nil
		}
		c.failures = 0
		c.settle()
	}
}

// move has a link take another path.
func (c *channel) move(l *link) {
	c.p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.p.ctx, roamTimeout)
		err := l.carrier.Roam(ctx)
		cancel()
		c.p.post(func() {
			switch {
			case c.link == l && err == nil:
				c.watchOver(l)
			case c.link == l:
				c.p.opt.Log.Info("carrier did not roam", "site", c.site.ID, "gateway", l.gateway.Name, "error", err)
				l.suspect = true
				c.renewal("the network has changed", carrier.H3, carrier.H2)
			case err != nil && (c.has(l) || c.heir == l):
				c.gone(l, err)
			}
		})
	})
}
