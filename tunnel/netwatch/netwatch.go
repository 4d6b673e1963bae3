// Package netwatch tells when the device's network changes, and when it has
// slept: links, addresses, routes and rules, and the clock. Package tunnel calls it,
// and moves its carriers.
//
// Run is for one goroutine, and calls its function on that one alone.
package netwatch

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/clockset"
)

const (
	// Settle is how long changes are gathered: one move of a cable is a dozen.
	Settle = 50 * time.Millisecond
	// Each is how often changes are told of where they do not end, after a burst of
	// the first few.
	Each  = 2 * time.Second
	burst = 10
	// beat is how often the clocks are compared, and rarely where the system tells
	// of a sleep itself.
	beat   = 15 * time.Second
	rarely = time.Minute
	// slept is by how much the clocks differ after a sleep. Suspending and waking
	// alone takes seconds.
	slept = 2 * time.Second
)

// Change is what has happened.
type Change struct {
	// Network: an address, a link, a route or a rule for routes, that carriers may
	// use, has come, gone or changed.
	Network bool
	// Slept is how long the device slept; 0: it did not.
	Slept time.Duration
	// Up: there is a default route, or an address beyond this machine. Without, no
	// gateway is reached.
	Up bool
}

// Options make a Watcher. The zero value watches this device.
type Options struct {
	// Ignore says which interfaces do not count, by name: our own TUN. Nil: all do.
	Ignore func(name string) bool
	Log    *slog.Logger
	// Clocks are the time since some instant, that which includes sleep and that
	// which does not; for tests.
	Clocks func() (boot, awake time.Duration)
}

// Watcher tells of changes.
type Watcher struct {
	ignore func(string) bool
	log    *slog.Logger
	clocks func() (boot, awake time.Duration)
	open   func(func(string) bool) (source, error)
	beats  func(every time.Duration) (each <-chan struct{}, stop func())
	// clockSet tells of steps of the wall clock, as clockset.Watch.
	clockSet func(context.Context) (set, ended <-chan struct{})
}

// source is what a system announces changes by.
type source interface {
	// next waits until something may have changed, or the source is closed, which
	// is an error. What was lost counts as a change.
	next() error
	// picture is what there is now.
	picture() (picture, error)
	close()
}

// New makes a Watcher. It opens nothing.
func New(o Options) *Watcher {
	w := &Watcher{ignore: o.Ignore, log: o.Log, clocks: o.Clocks, open: openSource, beats: beats, clockSet: clockset.Watch}
	if w.ignore == nil {
		w.ignore = func(string) bool { return false }
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.clocks == nil {
		w.clocks = clocks
	} else {
		w.beats, w.clockSet = ticks, clockset.Nothing
	}
	return w
}

// Run tells of each change until ctx is over; changed may not block for long. It
// returns nil then, and when all that it started has ended. Where the system
// announces nothing, sleep is told of all the same.
func (w *Watcher) Run(ctx context.Context, changed func(Change)) error {
	announced := make(chan struct{}, 1)
	var now picture
	s, err := w.open(w.ignore)
	if err == nil {
		if now, err = s.picture(); err != nil {
			s.close()
		}
	}
	heard := err == nil
	if !heard {
		w.log.Warn("changes of the network are not announced here", "error", err)
	} else {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for s.next() == nil {
				select {
				case announced <- struct{}{}:
				default:
				}
			}
		}()
		defer func() {
			s.close()
			<-ended
		}()
	}
	set, ended := w.clockSet(ctx)
	defer func() { <-ended }()
	every := beat
	if set != nil {
		every = rarely
	}
	each, stop := w.beats(every)
	defer stop()
	var p pace
	boot, awake := w.clocks()
	for {
		var c Change
		look := false
		select {
		case <-ctx.Done():
			return nil
		case <-announced:
			if !pause(ctx, p.wait(time.Now())) {
				return nil
			}
			select {
			case <-announced:
			default:
			}
			look = true
		case <-each:
		case <-set: // as at the end of a sleep
		}
		b, a := w.clocks()
		if d := (b - boot) - (a - awake); d >= slept {
			c.Slept = d
		}
		boot, awake = b, a
		if heard && (look || c.Slept > 0) {
			began := time.Now()
			then, failed := s.picture()
			p.looked(began, time.Since(began))
			if failed != nil {
				w.log.Warn("the network's state cannot be read", "error", failed)
				c.Network = true
			} else {
				c.Network = !then.equal(now)
				now = then
			}
		}
		c.Up = now.up() || !heard
		if c.Network || c.Slept > 0 {
			changed(c)
		}
	}
}

// pace is when to look: at once, but where announcements do not end. Looking takes
// no more than a part of the time.
type pace struct {
	paid time.Time // until when looks have used up their time
}

// wait is how long to gather announcements, the first of which came at now.
func (p *pace) wait(now time.Time) time.Duration {
	return max(Settle, p.paid.Add(-burst*Each).Sub(now))
}

// looked notes a look.
func (p *pace) looked(began time.Time, took time.Duration) {
	if p.paid.Before(began) {
		p.paid = began
	}
	p.paid = p.paid.Add(max(Each, 10*took))
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// picture is what of the network matters to carriers, in order.
type picture struct {
	addresses []address
	routes    []route
	rules     []rule
}

// address is one of an interface that is up.
type address struct {
	link   int
	prefix netip.Prefix
}

// route is one by an interface that is up.
type route struct {
	table   uint32
	to      netip.Prefix
	metric  uint32
	link    int
	gateway netip.Addr
	source  netip.Addr
}

// rule says when a table's routes hold.
type rule struct {
	table uint32 // 0: of none
	all   string // of what the system tells
}

func (p picture) equal(o picture) bool {
	return slices.Equal(p.addresses, o.addresses) && slices.Equal(p.routes, o.routes) && slices.Equal(p.rules, o.rules)
}

// up says whether anything beyond this machine may be reached.
func (p picture) up() bool {
	return len(p.addresses) > 0 || slices.ContainsFunc(p.routes, func(r route) bool { return r.to.Bits() == 0 })
}
