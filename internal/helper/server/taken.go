//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// piece is a route of ours, or a rule by its priority.
type piece struct {
	net  netip.Prefix
	rule int // 0: a route
	// guard: it is behind those that lead to a device, for when there is none.
	guard bool
}

func (p piece) String() string {
	switch {
	case p.rule != 0:
		return fmt.Sprintf("%d: to %v", p.rule, p.net)
	case p.guard:
		return fmt.Sprintf("unreachable %v", p.net)
	}
	return p.net.String()
}

func pieceOf(r *netlink.Rule) piece {
	if r.Dst == nil {
		return piece{rule: r.Priority}
	}
	a, _ := netip.AddrFromSlice(r.Dst.IP)
	ones, _ := r.Dst.Mask.Size()
	return piece{net: netip.PrefixFrom(a, ones), rule: r.Priority}
}

// after is how long after it was missed that something is put back, by how often it
// was taken away before. It is not tried more often: who takes it away means it.
var after = [protocol.MaxPutBack]time.Duration{0, time.Second, 5 * time.Second}

// quiet is how long after it was last missed it is forgotten that something was taken
// away.
const quiet = 30 * time.Second

// taken is what others have taken away of what leads to a user's device, or of a VPN's,
// by when it was first missed.
type taken struct{ all []*loss }

type loss struct {
	piece
	times   int
	missing bool
	due     time.Time // zero: it is there, or is not put back any more
	seen    time.Time // when it was last missed
}

// miss takes up what lacks now, and says what to put back now, and when to look again
// (zero: when there is news).
func (t *taken) miss(now time.Time, lacking []piece) (back []piece, again time.Time) {
	for _, l := range t.all {
		if l.missing && !slices.Contains(lacking, l.piece) { // whoever put it back
			l.missing, l.due = false, time.Time{}
		}
	}
	for _, p := range lacking {
		at := slices.IndexFunc(t.all, func(l *loss) bool { return l.piece == p })
		if at < 0 {
			at = len(t.all)
			t.all = append(t.all, &loss{piece: p})
		}
		l := t.all[at]
		l.seen = now
		if !l.missing {
			l.missing = true
			if l.times++; l.times <= len(after) {
				l.due = now.Add(after[l.times-1])
			}
		}
		switch {
		case l.due.IsZero():
		case !l.due.After(now):
			back = append(back, p)
		case again.IsZero() || l.due.Before(again):
			again = l.due
		}
	}
	return back, again
}

// done says that these were put back.
func (t *taken) done(back []piece) {
	for _, l := range t.all {
		if slices.Contains(back, l.piece) {
			l.missing, l.due = false, time.Time{}
		}
	}
}

// lost says that these routes cannot be put back.
func (t *taken) lost(routes []netip.Prefix) {
	for _, l := range t.all {
		if l.rule == 0 && !l.guard && slices.Contains(routes, l.net) {
			l.due = time.Time{}
		}
	}
}

// less is a record without what is not put back now, of what leads to the device or of
// what is behind that.
func (t *taken) less(r record, guard bool, now time.Time) record {
	if t == nil {
		return r
	}
	not := func(p netip.Prefix) bool {
		return slices.ContainsFunc(t.all, func(l *loss) bool {
			return l.net == p && l.guard == guard && l.missing && (l.due.IsZero() || l.due.After(now))
		})
	}
	r.Routes = slices.DeleteFunc(slices.Clone(r.Routes), not)
	r.Networks = slices.DeleteFunc(slices.Clone(r.Networks), not)
	return r
}

// forget forgets what is there for long enough, and says when there will be more.
func (t *taken) forget(now time.Time) (next time.Time) {
	t.all = slices.DeleteFunc(t.all, func(l *loss) bool {
		end := l.seen.Add(quiet)
		if l.missing {
			return false
		}
		if !end.After(now) {
			return true
		}
		if next.IsZero() || end.Before(next) {
			next = end
		}
		return false
	})
	return next
}

// tell is what a message has of it.
func (t *taken) tell() (all []protocol.Taken) {
	for _, l := range t.all {
		if len(all) == protocol.MaxTaken {
			break
		}
		all = append(all, protocol.Taken{Route: l.net, Rule: l.rule != 0, Guard: l.guard, Times: l.times, Gone: l.missing && l.due.IsZero()})
	}
	return all
}
