package channel

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// warm uses everything once, and takes what each client holds at rest.
func (c *churn) warm(ctx context.Context) error {
	r := rand.New(rand.NewPCG(c.o.Seed, 2))
	for _, p := range c.clients {
		var wg sync.WaitGroup
		p.tell("use")
		for range 200 {
			wg.Go(func() { c.run(short(rand.New(rand.NewPCG(r.Uint64(), 3))), p) })
		}
		for range 4 {
			wg.Go(func() { c.run(bulky(rand.New(rand.NewPCG(r.Uint64(), 3))), p) })
		}
		wg.Wait()
		if err := c.takeFaults(); err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
	}
	return c.sample(ctx)
}

// sample has every client rest, and takes what it holds then.
func (c *churn) sample(ctx context.Context) error {
	for _, p := range c.clients {
		if err := p.p.tell("suspend"); err != nil {
			return err
		}
	}
	if err := pause(ctx, 12*time.Second); err != nil { // what lingers ends
		return err
	}
	for _, p := range c.clients {
		var err error
		if p.base, err = p.p.counts(); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// short is a request and its answer, which may be reset.
func short(r *rand.Rand) plan {
	p := plan{kind: "short", size: [2]int64{r.Int64N(20_000), r.Int64N(60_000)}, resets: -1, waits: r.IntN(3) - 1}
	if r.IntN(8) == 0 {
		p.kind, p.resets = "reset", r.IntN(2)
		p.after = r.Int64N(p.size[p.resets] + 1)
	}
	return p
}

// bulky is a transfer in one direction, or both.
func bulky(r *rand.Rand) plan {
	p := plan{kind: "bulk", resets: -1, waits: r.IntN(3) - 1}
	p.size[r.IntN(2)] = 1<<20 + r.Int64N(24<<20)
	if r.IntN(3) == 0 {
		p.size[r.IntN(2)] = 1<<20 + r.Int64N(8<<20)
	}
	return p
}

// quiet stays to the end, and says a word now and then: from both ends, from one,
// or hardly ever.
func quiet(r *rand.Rand) plan {
	p := plan{kind: "quiet", size: [2]int64{1500, 1500}, resets: -1, waits: r.IntN(3) - 1, pause: time.Duration(10+r.IntN(50)) * time.Second}
	switch r.IntN(4) {
	case 0:
		p.talks[0] = true
	case 1:
		p.talks[1] = true
	default:
		p.talks = [2]bool{true, true}
	}
	return p
}

// load starts flows until ctx ends, at night the quiet ones alone. It returns when
// all have ended.
func (c *churn) load(ctx context.Context, via *patient, seed uint64, quiets int, every time.Duration) {
	r := rand.New(rand.NewPCG(c.o.Seed, seed))
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range quiets {
		wg.Go(func() {
			own := rand.New(rand.NewPCG(c.o.Seed+uint64(i), seed+1))
			// One that was reset is begun again, as its user would.
			for ctx.Err() == nil {
				if pause(ctx, time.Duration(own.Int64N(int64(10*time.Second)))) != nil {
					return
				}
				p := quiet(own)
				p.talkative = c.talkative
				c.run(p, via)
			}
		})
	}
	bulk := make(chan struct{}, 2)
	for pause(ctx, time.Duration((0.2+1.6*r.Float64())*float64(every))) == nil {
		switch n := r.IntN(100); {
		case !c.awake():
		case n < 3:
			p := bulky(r)
			select {
			case bulk <- struct{}{}:
				wg.Go(func() { c.run(p, via); <-bulk })
			default:
			}
		case n < 6:
			via.tell("use")
		default:
			p := short(r)
			wg.Go(func() { c.run(p, via) })
		}
	}
}
