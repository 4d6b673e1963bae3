package notify

import (
	"context"
	"slices"
	"time"

	"github.com/tidegate/tidegate/session"
)

// What happens within a moment is told together: when nothing more has come for
// moment, and at the latest longest after the first.
const (
	moment  = 700 * time.Millisecond
	longest = 3 * time.Second
)

// pace says what there is to tell of a run of states, each thing once. It has the
// user left alone while the screen is locked: what still stands on their return is
// told then. One goroutine owns it.
type pace struct {
	told session.State // what the user knows
	last session.State
}

// follow reads states until ctx ends, and calls show with the notices of a moment.
func (p *pace) follow(ctx context.Context, states <-chan session.State, show func([]Notice)) {
	var first time.Time // when the first came of what waits; zero: nothing does
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case s := <-states:
			if !p.take(s) {
				first = time.Time{}
				continue
			}
			now := time.Now()
			if first.IsZero() {
				first = now
			}
			timer.Reset(min(moment, first.Add(longest).Sub(now)))
		case <-timer.C:
			if !first.IsZero() {
				first = time.Time{}
				show(p.tell())
			}
		case <-ctx.Done():
			return
		}
	}
}

// take notes the next state, and says whether there is something to tell.
func (p *pace) take(s session.State) bool {
	if p.told.Revision == 0 {
		p.told, p.last = s, s
		return false
	}
	done(&p.told, &s)
	p.last = s
	if s.Locked {
		return false
	}
	if len(Diff(p.told, s)) > 0 {
		return true
	}
	p.told = s
	return false
}

// tell is what there is to tell now.
func (p *pace) tell() []Notice {
	ns := Diff(p.told, p.last)
	p.told = p.last
	return inOrder(wanted(ns, p.last.Choices.Notices))
}

// done has told know what the user is doing in next: that a VPN
// which they disconnect has ended is nothing to tell.
func done(told, next *session.State) {
	var known []session.VPNConnection
	for _, c := range next.VPN.Connections {
		if c.Phase != session.VPNDisconnecting {
			continue
		}
		i := slices.IndexFunc(told.VPN.Connections, func(k session.VPNConnection) bool { return k.ID == c.ID && k.Linked() })
		if i < 0 {
			continue
		}
		if known == nil {
			known = slices.Clone(told.VPN.Connections) // the state is others' as well
		}
		known[i] = c
	}
	if known != nil {
		told.VPN.Connections = known
	}
}
