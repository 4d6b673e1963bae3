package tunnel

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// counterGap is the least time between two reports of byte counts alone.
const counterGap = 500 * time.Millisecond

// plane is what Run owns. Its fields belong to the goroutine of run but for
// those above the blank line, which never change or are atomic.
type plane struct {
	*Dataplane
	inbox chan func()
	over  chan struct{} // closed when nobody reads inbox any more
	wg    sync.WaitGroup
	moved atomic.Bool // byte counts have changed since they were reported

	ctx      context.Context // ends with run; every flow and dial hangs on it
	instance string          // this client process's, for the gateways
	stopping bool
	w        session.Wanted
	allowed  bool
	channels map[wire.SiteID]*channel
	apps     map[wire.AppID]*application
	flows    map[*flow]struct{}
	came     uint64                         // flows, so far
	ending   map[*channel]struct{}          // closed, and still saying so
	connects map[front.Target]time.Duration // that succeeded, and when
	dirty    bool
	counting *time.Timer
}

func newPlane(d *Dataplane) *plane {
	return &plane{
		Dataplane: d,
		inbox:     make(chan func(), 64),
		over:      make(chan struct{}),
		channels:  map[wire.SiteID]*channel{},
		apps:      map[wire.AppID]*application{},
		flows:     map[*flow]struct{}{},
		ending:    map[*channel]struct{}{},
		connects:  map[front.Target]time.Duration{},
		instance:  rand.Text(),
	}
}

// run is the owner's loop. It returns when ctx has ended and everything with it.
func (p *plane) run(ctx context.Context, out *reporter) {
	var cancel context.CancelCauseFunc
	p.ctx, cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(errClosed)
	ending, idle := ctx.Done(), make(chan struct{})
	news := p.news
	watching, stopWatching := context.WithCancel(p.ctx)
	defer stopWatching()
	if p.opt.Watch != nil {
		p.wg.Go(func() {
			if err := p.opt.Watch(watching, func(c netwatch.Change) {
				p.opt.Underlay.Changed() // before anything is sent that roams
				p.post(func() { p.roam(c) })
			}); err != nil {
				p.opt.Log.Warn("changes of the network are not known", "error", err)
			}
		})
	}
	p.running.Store(p)
	for {
		var ready chan struct{}
		if p.dirty && len(p.inbox) == 0 {
			ready = out.ready
		}
		select {
		case <-ready:
			p.dirty = false
			out.put(p.facts())
		case fn := <-p.inbox:
			select {
			case <-news: // an order is for what was there before it, not for what came after
				p.apply(p.latest())
			default:
			}
			fn()
		case <-news:
			p.apply(p.latest())
		case <-ending:
			ending, news = nil, nil
			stopWatching()
			p.running.Store(nil)
			p.stopping = true
			p.apply(session.Wanted{})
			go func() { p.wg.Wait(); close(idle) }()
		case <-idle:
			for len(p.inbox) > 0 {
				(<-p.inbox)()
			}
			p.stopCounting()
			close(p.over)
			out.put(p.facts())
			return
		}
		if p.stopping && len(p.ending) == 0 {
			cancel(errClosed)
		}
	}
}

// post has fn run by the owner. It is called by every goroutine but the owner's.
func (p *plane) post(fn func()) {
	select {
	case p.inbox <- fn:
	case <-p.over:
	}
}

// do has fn run by the owner, and returns when it has been: whatever fn starts
// is started while its caller still counts. It says whether fn has run.
func (p *plane) do(fn func()) bool {
	done := make(chan struct{})
	p.post(func() { fn(); close(done) })
	select {
	case <-done:
		return true
	case <-p.over:
	}
	select {
	case <-done: // before it was over
		return true
	default:
		return false
	}
}

// track runs fn on a goroutine that Run waits for, unless Run is about to return.
func (p *plane) track(fn func()) bool {
	started := false
	p.do(func() {
		if !p.stopping {
			started = true
			p.wg.Go(fn)
		}
	})
	return started
}

// apply makes the plane what w says.
func (p *plane) apply(w session.Wanted) {
	old := p.w
	p.w = w
	p.allowed = w.Allowed && w.Session != "" && w.Identity.Key != nil
	if w.Session != old.Session || !sameIdentity(w.Identity, old.Identity) {
		for id, c := range p.channels {
			c.close(errClosed)
			delete(p.channels, id)
		}
		for _, a := range p.apps {
			a.forget()
		}
	}
	leads := newDestinations(w)
	p.leads.Store(leads)
	p.names.Except(leads.nowhere)
	p.names.Set(leads.names())
	p.applySites()
	if w.Suspend > old.Suspend {
		for _, c := range p.channels {
			c.order()
		}
	}
	if w.Identity.Device != old.Identity.Device {
		p.closeApps(func(*application) bool { return true })
	}
	p.applyApps()
	for _, c := range p.channels {
		c.review()
	}
	p.dirty = true
}

func (p *plane) applySites() {
	wanted := map[wire.SiteID]bool{}
	for _, s := range p.w.Sites {
		wanted[s.ID] = true
		if c := p.channels[s.ID]; c != nil {
			c.configure(s)
		} else {
			p.channels[s.ID] = newChannel(p, s)
		}
	}
	for id, c := range p.channels {
		if !wanted[id] {
			c.close(errClosed)
			delete(p.channels, id)
		}
	}
}

func (p *plane) applyApps() {
	wanted := map[wire.AppID]session.WantedApp{}
	for _, a := range p.w.Apps {
		wanted[a.ID] = a
	}
	p.closeApps(func(a *application) bool { return wanted[a.want.ID] != a.want })
	// In the order of their ids, so that a collision of addresses is resolved
	// the same way in each run.
	ids := make([]wire.AppID, 0, len(wanted))
	for id := range wanted {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if p.apps[id] == nil {
			p.apps[id] = newApplication(p, wanted[id])
		}
		if p.allowed {
			p.apps[id].excuse(wire.CodeNoSession)
		}
	}
}

// closeApps closes the listeners of applications, and resets their flows.
func (p *plane) closeApps(which func(*application) bool) {
	for id, a := range p.apps {
		if which(a) {
			a.close()
			delete(p.apps, id)
		}
	}
}

// count has changed byte counts reported, soon.
func (p *plane) count() {
	if p.moved.CompareAndSwap(false, true) {
		p.post(func() {
			if p.counting == nil {
				p.counting = time.AfterFunc(counterGap, func() { p.post(p.counted) })
			}
		})
	}
}

func (p *plane) counted() {
	p.stopCounting()
	p.moved.Store(false)
	p.dirty = true
}

func (p *plane) stopCounting() {
	if p.counting != nil {
		p.counting.Stop()
		p.counting = nil
	}
}

func sameIdentity(a, b session.Identity) bool {
	return a.Device == b.Device && (a.Key == nil) == (b.Key == nil) && bytes.Equal(a.CA, b.CA) &&
		slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
}
