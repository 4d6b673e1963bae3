//go:build linux

package server

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tidegate/tidegate/internal/dump"
	"github.com/tidegate/tidegate/internal/helper/physical"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// gatherLed is how long changes are gathered before it is looked whether routes of
// ours are there.
const gatherLed = 50 * time.Millisecond

// slowestLed is how long they are gathered on a machine that is busy.
const slowestLed = 500 * time.Millisecond

// quiet is how long after it was put back it is forgotten that something was taken
// away.
var quiet = 30 * time.Second

// led is what others have taken away of what leads to a user's device, or of a VPN's.
type led struct {
	taken
	at map[piece]time.Time // when it was last seen to lack
}

// runLed puts back what others take away of what leads to users' devices, at most
// protocol.MaxPutBack times, and has it told, until ctx ends.
func (s *Server) runLed(ctx context.Context) error {
	news := make(chan struct{}, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for ctx.Err() == nil {
			err := physical.Watch(ctx, func() {
				select {
				case news <- struct{}{}:
				default:
				}
			})
			if err != nil {
				s.o.Log.Error("watch the routes to devices", "err", err)
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}()
	defer func() { <-watched }()
	return uphold(ctx, news, s.upholdLed)
}

// uphold calls look, which says when to look again (zero: when there is news), soon
// after there is news, until ctx ends: that there is more and more does not put it off.
func uphold(ctx context.Context, news <-chan struct{}, look func() (again time.Time)) error {
	var later <-chan time.Time
	var due time.Time
	by := func(at time.Time) {
		if later == nil || at.Before(due) {
			due, later = at, time.After(time.Until(at))
		}
	}
	rest := gatherLed
	for {
		select {
		case <-news:
			by(time.Now().Add(rest))
			continue
		case <-later:
		case <-ctx.Done():
			return ctx.Err()
		}
		later = nil
		began := time.Now()
		again := look()
		ended := time.Now()
		rest = min(max(gatherLed, 4*ended.Sub(began)), slowestLed) // where changes do not end
		if !again.IsZero() {
			by(ended.Add(max(gatherLed, again.Sub(ended))))
		}
	}
}

// upholdLed puts back what is to be, and says when to look again (zero: when there is
// news).
func (s *Server) upholdLed() (again time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	sooner := func(at time.Time) {
		if !at.IsZero() && (again.IsZero() || at.Before(again)) {
			again = at
		}
	}
	for uid, r := range s.records {
		l := s.led[uid]
		if r.Index == 0 || !alive(r) || len(r.led()) == 0 && l == nil {
			delete(s.led, uid)
			continue
		}
		lacking, err := s.o.Config.lackingLed(r)
		if err != nil {
			s.o.Log.Error("look for the routes to a device", "uid", uid, "err", err)
			continue
		}
		if l == nil {
			if len(lacking) == 0 {
				continue
			}
			l = &led{}
			s.led[uid] = l
		}
		back, due := l.missed(now, lacking)
		sooner(due)
		if len(back) > 0 {
			s.o.Log.Warn("others have taken away what leads to a device", "uid", uid, "put back", back)
			if err := s.o.Config.lead(l.less(r)); err != nil {
				s.o.Log.Error("put back what leads to a device", "uid", uid, "err", err)
				sooner(now.Add(time.Second))
			} else {
				l.done(back)
			}
		}
		sooner(l.forget(now))
	}
	s.tellLed()
	return again
}

// missed is miss, and notes when.
func (l *led) missed(now time.Time, lacking []piece) (back []piece, again time.Time) {
	back, again, _ = l.miss(now, lacking)
	if l.at == nil {
		l.at = map[piece]time.Time{}
	}
	for _, p := range lacking {
		l.at[p] = now
	}
	return back, again
}

// less is a record without what is not put back now.
func (l *led) less(r record) record {
	not := func(p netip.Prefix) bool {
		return slices.ContainsFunc(l.all, func(o *loss) bool { return o.net == p && o.missing && (o.due.IsZero() || o.due.After(time.Now())) })
	}
	r.Routes = slices.DeleteFunc(slices.Clone(r.Routes), not)
	r.Networks = slices.DeleteFunc(slices.Clone(r.Networks), not)
	return r
}

// forget forgets what is there for long enough, and says when there will be more.
func (l *led) forget(now time.Time) (next time.Time) {
	l.all = slices.DeleteFunc(l.all, func(o *loss) bool {
		end := l.at[o.piece].Add(quiet)
		if o.missing {
			return false
		}
		if !end.After(now) {
			delete(l.at, o.piece)
			return true
		}
		if next.IsZero() || end.Before(next) {
			next = end
		}
		return false
	})
	return next
}

// tellLed has it told what was taken away. It needs mu.
func (s *Server) tellLed() {
	var all []protocol.Taken
	for _, l := range s.led {
		all = append(all, l.tell()...)
	}
	slices.SortFunc(all, func(a, b protocol.Taken) int { return a.Route.Compare(b.Route) })
	all = all[:min(len(all), protocol.MaxTaken)]
	s.senses.mu.Lock()
	same := len(all) == 0 && len(s.senses.taken) == 0 || reflect.DeepEqual(all, s.senses.taken)
	s.senses.mu.Unlock()
	if !same {
		s.senses.change(func() { s.senses.taken = all })
	}
}

// lackingLed are the routes and rules of a user's that are not there.
func (c Config) lackingLed(r record) (all []piece, err error) {
	for _, f := range c.families(r) {
		if len(f.routes) == 0 || f.netlink == netlink.FAMILY_V6 && !has(r.Index, f.addr) {
			continue
		}
		routes, err := dump.Whole(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(f.netlink, &netlink.Route{Table: c.table(r)}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return nil, err
		}
		rules, err := dump.Whole(func() ([]netlink.Rule, error) { return netlink.RuleListFiltered(f.netlink, nil, 0) })
		if err != nil && !without6(err) {
			return nil, err
		}
		for _, p := range f.routes {
			if !slices.ContainsFunc(routes, func(o netlink.Route) bool {
				return o.Dst != nil && o.Dst.String() == p.String() && o.LinkIndex == r.Index
			}) {
				all = append(all, piece{net: p})
			}
			for _, w := range c.rulesTo(r, f, p) {
				if !slices.ContainsFunc(rules, func(o netlink.Rule) bool { return o.Table == w.Table && sameRule(o, *w) }) {
					all = append(all, piece{p, c.Priority})
					break
				}
			}
		}
	}
	return all, nil
}
