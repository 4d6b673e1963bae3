package tunnel

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// reportGap is the least time between two reports, so that a thousand short
// flows are not two thousand reports.
const reportGap = 25 * time.Millisecond

// reporter hands facts to the report function on a goroutine of its own. Facts are
// gathered when it is ready for them and not with each change: they are of all flows.
// What equals the last report is not reported.
type reporter struct {
	report func(session.DataplaneFacts)
	ready  chan struct{} // holds one while facts may be put
	next   chan session.DataplaneFacts
	ended  chan struct{} // closed with the last report wanted
}

func newReporter(report func(session.DataplaneFacts)) *reporter {
	r := &reporter{report: report, ready: make(chan struct{}, 1), next: make(chan session.DataplaneFacts, 2), ended: make(chan struct{})}
	r.ready <- struct{}{}
	return r
}

// put leaves f for the reporter, once for what was taken of ready, and once more at
// the end. It does not block.
func (r *reporter) put(f session.DataplaneFacts) { r.next <- f }

// close lets run report what is left and return.
func (r *reporter) close() {
	close(r.ended)
	close(r.next)
}

func (r *reporter) run() {
	var last session.DataplaneFacts
	for next := range r.next {
		if !reflect.DeepEqual(next, last) {
			last = next
			r.report(last)
			select {
			case <-r.ended:
				continue
			default:
			}
			t := time.NewTimer(reportGap)
			select {
			case <-t.C:
			case <-r.ended:
			}
			t.Stop()
		}
		select {
		case r.ready <- struct{}{}:
		default:
		}
	}
}

// facts are all that there is to report. Nothing in them is changed afterwards.
func (p *plane) facts() session.DataplaneFacts {
	f := session.DataplaneFacts{Change: p.w.Change,
		Sites: make(map[wire.SiteID]session.SiteFact, len(p.channels)),
		Apps:  make(map[wire.AppID]session.AppFact, len(p.apps)),
	}
	for id, c := range p.channels {
		f.Sites[id] = c.fact()
	}
	for id, a := range p.apps {
		f.Apps[id] = a.fact()
	}
	newest := map[wire.AppID][]*flow{}
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
			newest[fl.app.want.ID] = among(newest[fl.app.want.ID], fl)
		case fl.phase == flowHeld:
			a.Waiting++
		case fl.phase == flowAsking || fl.phase == flowTrying:
			a.Opening++
		}
		f.Apps[fl.app.want.ID] = a
	}
	for id, flows := range newest {
		a := f.Apps[id]
		a.Connections = connectionsOf(flows)
		f.Apps[id] = a
	}
	return f
}

// among puts a flow among the newest, that first; of those that were opened at one
// instant that which came last.
func among(newest []*flow, f *flow) []*flow {
	if f.since.IsZero() { // it has not been answered yet
		return newest
	}
	i, _ := slices.BinarySearchFunc(newest, f, func(a, b *flow) int {
		return cmp.Or(b.since.Compare(a.since), cmp.Compare(b.number, a.number))
	})
	if i == session.MostConnections {
		return newest
	}
	newest = slices.Insert(newest, i, f)
	return newest[:min(len(newest), session.MostConnections)]
}

// connectionsOf tells of flows.
func connectionsOf(flows []*flow) []session.Connection {
	all := make([]session.Connection, len(flows))
	for i, f := range flows {
		all[i] = session.Connection{Via: session.Via(f.via), Since: f.since, Up: f.up.Load(), Down: f.down.Load(), Resting: f.phase == flowParked}
	}
	return all
}
