//go:build linux

package server

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/helper/physical"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// runVPN keeps the VPN as it is to be, until ctx ends: what others take away, what
// becomes ours, the network that the machine comes into.
func (s *Server) runVPN(ctx context.Context) error {
	v := s.vpn
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for ctx.Err() == nil {
			if err := physical.Watch(ctx, v.news); err != nil {
				s.o.Log.Error("watch the network", "err", err)
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}()
	defer func() { <-watched }()
	grace := time.After(takeOver)
	sweep := time.NewTicker(sweeping)
	defer sweep.Stop()
	var later <-chan time.Time
	var due, last time.Time // due is later's; zero: there is none
	put := func(at time.Time) {
		if due.IsZero() || at.Before(due) {
			due, later = at, time.After(time.Until(at))
		}
	}
	for {
		select {
		case <-v.look:
			put(latest(time.Now().Add(gatherVPN), last.Add(calmVPN)))
		case <-sweep.C:
			v.news()
		case <-grace:
			s.turnOfVPN(ctx, func(ctx context.Context) {
				if l, _ := v.held(); l != nil || v.record.Name == "" {
					return
				}
				s.o.Log.Info("a VPN was not taken over", "uid", v.record.UID)
				if err := s.clearVPN(ctx); err != nil {
					s.o.Log.Error("undo what was done for a VPN", "uid", v.record.UID, "err", err)
				}
			})
		case <-later:
			later, due, last = nil, time.Time{}, time.Now()
			var again time.Time
			s.turnOfVPN(ctx, func(ctx context.Context) { again = s.upholdVPN(ctx) })
			if !again.IsZero() {
				put(latest(again, time.Now().Add(gatherVPN)))
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// upholdVPN has all be as it is to be, and says when to look again (zero: when there is
// news).
func (s *Server) upholdVPN(ctx context.Context) (again time.Time) {
	v := s.vpn
	l, _ := v.held()
	switch {
	case v.record.Name == "":
		return time.Time{}
	case !v.undue.IsZero() && l == nil: // it could not be undone
		if err := s.clearVPN(ctx); err != nil {
			s.o.Log.Error("undo what was done for a VPN", "uid", v.record.UID, "err", err)
			return v.undue
		}
		return time.Time{}
	case v.record.Index != 0 && v.record.device() == nil:
		s.o.Log.Warn("a VPN's device has gone", "uid", v.record.UID)
		if l != nil {
			l.c.Close() // that is the lease's end
			return time.Time{}
		}
		if err := s.clearVPN(ctx); err != nil {
			s.o.Log.Error("undo what was done for a VPN", "uid", v.record.UID, "err", err)
			return v.undue
		}
		return time.Time{}
	case v.record.Asked == nil:
		return time.Time{}
	}
	was := v.told
	if v.unnamed.Swap(false) {
		v.named = false
	}
	again, err := s.holdVPN(ctx)
	if err != nil {
		s.o.Log.Error("put back what belongs to a VPN", "uid", v.record.UID, "err", err)
		again = time.Now().Add(standing)
	}
	if v.told.Taken = v.taken.tell(); l != nil && !reflect.DeepEqual(was, v.told) {
		s.tellVPN(l)
	}
	return again
}

// holdVPN is upholdVPN for one that is applied.
func (s *Server) holdVPN(ctx context.Context) (again time.Time, err error) {
	v, c := s.vpn, s.o.Config
	w, err := s.world(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if next, _ := c.vpnPlan(v.record.Name, *v.record.Asked, w); !v.named || !reflect.DeepEqual(next, v.plan) {
		s.o.Log.Info("a VPN is another, beside what is ours and the network's", "uid", v.record.UID, "left", next.Left)
		return time.Time{}, s.moveVPN(ctx, next)
	}
	if there, err := guardedVPN(); err == nil && !there {
		s.o.Log.Warn("the VPN's guard was taken away", "uid", v.record.UID)
		if err := c.guardVPN(v.record.Name, v.plan); err != nil {
			return time.Time{}, err
		}
	}
	l := v.record.device()
	if l == nil {
		return time.Time{}, nil // there is news of it
	}
	lacking, err := c.lacking(l.Attrs().Index, v.plan, v.not)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	back, again := v.taken.miss(now, lacking)
	if len(back) > 0 {
		s.o.Log.Warn("others have taken away what belongs to a VPN", "uid", v.record.UID, "put back", back)
		lost, err := s.putBack(back)
		if err != nil {
			return time.Time{}, err
		}
		v.taken.lost(lost)
		v.taken.done(slices.DeleteFunc(back, func(p piece) bool { return p.rule == 0 && slices.Contains(lost, p.net) }))
	}
	if next := v.taken.forget(now); again.IsZero() || !next.IsZero() && next.Before(again) {
		again = next
	}
	return again, nil
}

// tellVPN tells the lease's client what is told by now.
func (s *Server) tellVPN(l *lease) {
	v := s.vpn
	v.mu.Lock()
	ready := l.given
	l.news = l.news || !ready
	v.mu.Unlock()
	if !ready {
		return
	}
	told := v.told
	b, err := protocol.Encode(protocol.Reply{VPN: &told})
	if err == nil {
		l.c.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = l.c.Write(b)
	}
	if err != nil {
		l.c.Close() // it does not listen
	}
}

// putBack puts these pieces of the plan back, but for lost routes: what somebody else
// has put in one's place stays, and IPv6 may be here no more.
func (s *Server) putBack(back []piece) (lost []netip.Prefix, err error) {
	v, c := s.vpn, s.o.Config
	l := v.record.device()
	if l == nil {
		return nil, errors.New("the VPN's device has gone")
	}
	if err := configureVPN(l, v.plan, c.vpnGroup()); err != nil {
		return nil, err
	}
	if err := c.rule(v.plan, back); err != nil {
		return nil, err
	}
	var routes []netip.Prefix
	for _, p := range back {
		if p.rule == 0 {
			routes = append(routes, p.net)
		}
	}
	theirs, without, err := addRoutes(l.Attrs().Index, v.plan, routes)
	return slices.Concat(theirs, without), err
}

// anewVPN has a part for names that knows nothing yet do what the VPN's plan says.
func (s *Server) anewVPN(ctx context.Context) {
	s.turnOfVPN(ctx, func(ctx context.Context) {
		v := s.vpn
		if v.record.Asked == nil || v.record.device() == nil {
			return
		}
		v.named = false
		if _, err := s.holdVPN(ctx); err != nil {
			s.o.Log.Error("tell the system of a VPN's names", "uid", v.record.UID, "err", err)
			v.news()
		}
	})
}
