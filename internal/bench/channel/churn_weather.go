package channel

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/internal/netlab"
)

// fine is what the paths are when nothing happens.
var fine = netlab.Quality{Delay: 5 * time.Millisecond, Rate: 200e6}

// rage has everything happen, for as long as was asked for.
func (c *churn) rage(ctx context.Context) error {
	c.slow.Set(fine)
	c.next.Set(fine)
	began := time.Now()
	loading, stop := context.WithTimeout(ctx, c.o.For)
	defer stop()
	c.nights(began)
	done := make(chan struct{})
	c.wg.Go(func() {
		defer close(done)
		second := make(chan struct{})
		c.wg.Go(func() {
			defer close(second)
			c.load(loading, c.clients[1], 200, 40, 250*time.Millisecond)
		})
		c.load(loading, c.clients[0], 100, 160, 60*time.Millisecond)
		<-second
	})
	c.wg.Go(func() { c.watch(loading) })
	for loading.Err() == nil {
		if err := c.happen(loading, float64(time.Since(began))/float64(c.o.For)); err != nil {
			return err
		}
		c.slow.Set(fine)
		c.next.Set(fine)
		pause(loading, time.Duration(200+c.rnd.IntN(2500))*time.Millisecond)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.leave()
	select {
	case <-done:
	case <-time.After(settleWithin):
		for _, t := range c.known.all() {
			c.fault("%s does not end: up %d of %d, down %d of %d", t, t.streams[0].got.Load(), t.streams[0].sent.Load(), t.streams[1].got.Load(), t.streams[1].sent.Load())
		}
	case <-ctx.Done():
	}
	return ctx.Err()
}

// nights has a night come every minute: then there is only what is quiet, which
// says nothing at first, so that the channels are suspended for want of payload,
// and then a word of an application's now and then, so that they are woken.
func (c *churn) nights(began time.Time) {
	const day, night = 42 * time.Second, 18 * time.Second
	hour := func() time.Duration { return time.Since(began)%(day+night) - day }
	c.awake = func() bool { return hour() < 0 }
	c.talkative = func(side int, chance float64) bool {
		h := hour()
		return h < 0 || h > night/2 && side == 1 && chance < 0.05
	}
}

// watch looks for flows that make no progress.
func (c *churn) watch(ctx context.Context) {
	told := map[*stream]bool{}
	for pause(ctx, time.Second) == nil {
		for _, t := range c.known.all() {
			for i, s := range t.streams {
				if since := s.waits(); !since.IsZero() && time.Since(since) > stalled && !told[s] {
					told[s] = true
					c.mu.Lock()
					excused := c.disturbedLocked(&trial{began: since, ended: time.Now()}, func(w window) bool { return w.all || w.fatal == t.via })
					c.mu.Unlock()
					if !excused {
						c.fault("%s stalls: %s %d of %d since %s", t, direction(i), s.got.Load(), s.sent.Load(), since.Format("15:04:05.0"))
					}
				}
			}
		}
	}
}

// happen does one thing to the channels; part is how much of the time is over.
// The gateway lives through the last third, the first client through the last two,
// so that what is left of the rest adds up.
func (c *churn) happen(ctx context.Context, part float64) error {
	a, b := c.clients[0], c.clients[1]
	p := c.path()
	bad := func(what string, q netlab.Quality, least, most int) error {
		return c.during(window{what: what}, func() error {
			q.Delay, q.Rate = fine.Delay, fine.Rate
			p.Set(q)
			pause(ctx, time.Duration(least+c.rnd.IntN(most-least))*time.Millisecond)
			p.Set(fine)
			return nil
		})
	}
	command := func(command string) error {
		return c.during(window{what: command}, func() error {
			for _, p := range c.clients {
				if c.rnd.IntN(3) > 0 {
					p.tell(command)
				}
			}
			return nil
		})
	}
	switch n := c.rnd.IntN(100); {
	case n < 12:
		return command("pause")
	case n < 18:
		return command("rest")
	case n < 24:
		return command("wake")
	case n < 32:
		return command("renew")
	case n < 42:
		return c.roam(ctx, true)
	case n < 50:
		return c.roam(ctx, false)
	case n < 55:
		return c.flap(ctx)
	case n < 65:
		return c.during(window{what: "rebinding"}, func() error { p.Rebind(); return nil })
	case n < 72:
		return bad("no-udp", netlab.Quality{NoUDP: true}, 2000, 12_000)
	case n < 80:
		return bad("storm", netlab.Quality{Loss: 0.05 + 0.25*c.rnd.Float64()}, 2000, 8000)
	case n < 87:
		return bad("blackout", netlab.Quality{Loss: 1}, 300, 5000)
	case n < 91:
		if part > 0.66 {
			return nil
		}
		return c.restart(ctx, c.rnd.IntN(3) > 0)
	default:
		if part < 0.33 && c.rnd.IntN(2) == 0 {
			return c.kill(a)
		}
		return c.kill(b)
	}
}

// roam leads to the gateway by the other path. Announced, the old one stays for a
// while.
func (c *churn) roam(ctx context.Context, announced bool) error {
	what, old, to, via := "roam", c.path(), "next", nextGateway.Addr()
	if c.near == "next" {
		to, via = "slow", slowGateway.Addr()
	}
	if announced {
		what = "roam-announced"
	}
	return c.during(window{what: what}, func() error {
		if !announced {
			old.Set(netlab.Quality{Loss: 1})
			pause(ctx, time.Duration(c.rnd.IntN(1500))*time.Millisecond)
		}
		if err := c.client.Route(anyGateway, via, to); err != nil {
			return err
		}
		c.near = to
		if announced {
			pause(ctx, time.Second)
			old.Set(netlab.Quality{Loss: 1})
		}
		pause(ctx, time.Duration(500+c.rnd.IntN(2500))*time.Millisecond)
		return nil
	})
}

// flap takes the interface down and up again.
func (c *churn) flap(ctx context.Context) error {
	via := slowGateway.Addr()
	if c.near == "next" {
		via = nextGateway.Addr()
	}
	return c.during(window{what: "flap"}, func() error {
		if err := c.client.Link(c.near, false); err != nil {
			return err
		}
		pause(ctx, time.Duration(300+c.rnd.IntN(3000))*time.Millisecond)
		if err := c.client.Link(c.near, true); err != nil {
			return err
		}
		return c.client.Route(anyGateway, via, c.near)
	})
}

// restart starts the gateway anew at the same address, after its end in order or
// without a word.
func (c *churn) restart(ctx context.Context, killed bool) error {
	what := "gateway-restarted"
	if killed {
		what = "gateway-killed"
	}
	return c.during(window{what: what, all: true}, func() error {
		if killed {
			c.gate.kill()
		} else if err := c.gate.stop(); err != nil {
			return err
		}
		pause(ctx, time.Duration(c.rnd.IntN(2000))*time.Millisecond)
		return c.startGateway()
	})
}

// kill starts a client anew.
func (c *churn) kill(p *patient) error {
	return c.during(window{what: "client-killed", fatal: p}, func() error {
		p.p.kill()
		return c.startClient(p)
	})
}
