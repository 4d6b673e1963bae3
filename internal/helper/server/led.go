//go:build linux

package server

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/physical"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// gatherLed is how long changes are gathered before it is looked whether routes of
// ours are there.
const gatherLed = 50 * time.Millisecond

// slowestLed is how long they are gathered on a machine that is busy.
const slowestLed = 500 * time.Millisecond

// runLed puts back what others take away of what leads to users' devices, and of what
// is behind that, at most protocol.MaxPutBack times, and has it told, until ctx ends.
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
			l = &taken{}
			s.led[uid] = l
		}
		back, due := l.miss(now, lacking)
		sooner(due)
		if len(back) > 0 {
			s.o.Log.Warn("others have taken away what leads to a device", "uid", uid, "put back", back)
			if err := s.putBackLed(r, l, back, now); err != nil {
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

// putBackLed puts these pieces of a user's back.
func (s *Server) putBackLed(r record, l *taken, back []piece, now time.Time) (err error) {
	guards := func(p piece) bool { return p.guard }
	if slices.ContainsFunc(back, guards) {
		be := l.less(r, true, now)
		err = s.o.Config.block(be, be)
	}
	if slices.ContainsFunc(back, func(p piece) bool { return !p.guard }) {
		err = errors.Join(err, s.o.Config.dress(r), s.o.Config.lead(l.less(r, false, now)))
	}
	return err
}

// tellLed has each user told what was taken away of theirs. It needs mu.
func (s *Server) tellLed() {
	all := map[uint32][]protocol.Taken{}
	for uid, l := range s.led {
		if told := l.tell(); told != nil {
			all[uid] = told
		}
	}
	s.senses.mu.Lock()
	same := maps.EqualFunc(all, s.senses.taken, slices.Equal)
	s.senses.mu.Unlock()
	if !same {
		s.senses.change(func() { s.senses.taken = all })
	}
}

// lackingLed are the routes and rules of a user's that are not there, and the device's
// addresses, without which routes would not lead.
func (c Config) lackingLed(r record) (all []piece, err error) {
	for _, f := range c.families(r) {
		there := has(r.Index, f.addr)
		if len(f.routes) == 0 || f.netlink == netlink.FAMILY_V6 && !there && !takes6(r.name()) {
			continue
		}
		if !there {
			all = append(all, piece{net: single(f.addr)})
		}
		routes, err := listRoutes(f.netlink, &netlink.Route{Table: c.table(r)}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, err
		}
		behind, err := listRoutes(f.netlink, &netlink.Route{Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNREACHABLE}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
		if err != nil {
			return nil, err
		}
		rules, err := listRules(f.netlink)
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
					all = append(all, piece{net: p, rule: c.Priority})
					break
				}
			}
			if slices.Contains(r.Routes, p) {
				if !slices.ContainsFunc(behind, func(o netlink.Route) bool {
					return o.Dst != nil && o.Dst.String() == p.String() && o.Priority == blockMetric(r)
				}) {
					all = append(all, piece{net: p, guard: true})
				}
			} else if w := c.blockRule(r, p); !slices.ContainsFunc(rules, func(o netlink.Rule) bool { return sameRule(o, *w) }) {
				all = append(all, piece{net: p, rule: w.Priority, guard: true})
			}
		}
	}
	return all, nil
}
