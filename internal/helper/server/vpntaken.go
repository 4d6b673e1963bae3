//go:build linux

package server

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// after is how long after it was missed that something is put back, by how often it
// was taken away before. It is not tried more often: who takes it away means it.
var after = [protocol.MaxPutBack]time.Duration{0, time.Second, 5 * time.Second}

// taken is what others have taken away of a VPN's routes and rules, by when it was
// first missed.
type taken struct{ all []*loss }

type loss struct {
	piece
	times   int
	missing bool
	due     time.Time // zero: it is there, or is not put back any more
}

// miss takes up what lacks now, and says what to put back now, when to look again
// (zero: when there is news), and whether there is something else to tell.
func (t *taken) miss(now time.Time, lacking []piece) (back []piece, again time.Time, news bool) {
	for _, l := range t.all {
		if l.missing && !slices.Contains(lacking, l.piece) { // whoever put it back
			l.missing, l.due, news = false, time.Time{}, true
		}
	}
	for _, p := range lacking {
		at := slices.IndexFunc(t.all, func(l *loss) bool { return l.piece == p })
		if at < 0 {
			at = len(t.all)
			t.all = append(t.all, &loss{piece: p})
		}
		l := t.all[at]
		if !l.missing {
			l.missing, news = true, true
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
	return back, again, news
}

// done says that these were put back.
func (t *taken) done(back []piece) {
	for _, l := range t.all {
		if slices.Contains(back, l.piece) {
			l.missing, l.due = false, time.Time{}
		}
	}
}

// tell is what a message has of it.
func (t *taken) tell() (all []protocol.Taken) {
	for _, l := range t.all {
		if len(all) == protocol.MaxTaken {
			break
		}
		all = append(all, protocol.Taken{Route: l.net, Rule: l.rule != 0, Times: l.times, Gone: l.missing && l.due.IsZero()})
	}
	return all
}
