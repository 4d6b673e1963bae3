package tunnel

import (
	"reflect"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// reportGap is the least time between two reports, so that a thousand short
// flows are not two thousand reports.
const reportGap = 25 * time.Millisecond

// reporter hands facts to the report function on a goroutine of its own: the
// latest wins, and what equals the last report is not reported.
type reporter struct {
	report func(session.DataplaneFacts)
	wake   chan struct{}

	mu     sync.Mutex
	next   *session.DataplaneFacts
	closed bool
}

func newReporter(report func(session.DataplaneFacts)) *reporter {
	return &reporter{report: report, wake: make(chan struct{}, 1)}
}

// put leaves f for the reporter. It does not block.
func (r *reporter) put(f session.DataplaneFacts) {
	r.mu.Lock()
	r.next = &f
	r.mu.Unlock()
	r.poke()
}

// close lets run report what is left and return.
func (r *reporter) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.poke()
}

func (r *reporter) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *reporter) run() {
	var last session.DataplaneFacts
	for {
		<-r.wake
		r.mu.Lock()
		next, closed := r.next, r.closed
		r.next = nil
		r.mu.Unlock()
		if next != nil && !reflect.DeepEqual(*next, last) {
			last = *next
			r.report(last)
			if !closed {
				time.Sleep(reportGap)
			}
		}
		if closed {
			return
		}
	}
}

// facts are all that there is to report. Nothing in them is changed afterwards.
func (p *plane) facts() session.DataplaneFacts {
	f := session.DataplaneFacts{
		Sites: make(map[wire.SiteID]session.SiteFact, len(p.channels)),
		Apps:  make(map[wire.AppID]session.AppFact, len(p.apps)),
	}
	for id, c := range p.channels {
		f.Sites[id] = c.fact()
	}
	for id, a := range p.apps {
		f.Apps[id] = a.fact()
	}
	for fl := range p.flows {
		if fl.app == nil || p.apps[fl.app.want.ID] != fl.app {
			continue
		}
		a := f.Apps[fl.app.want.ID]
		switch {
		case fl.lasts() && fl.body.Status().Over:
		case fl.lasts():
			a.Flows++
			if fl.phase == flowParked {
				a.Parked++
			}
		case fl.phase == flowHeld:
			a.Waiting++
		}
		f.Apps[fl.app.want.ID] = a
	}
	return f
}
