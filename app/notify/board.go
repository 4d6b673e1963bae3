package notify

import (
	"maps"
	"slices"

	"github.com/godbus/dbus/v5"
)

// board is what shows, by the id that the service gave it.
type board map[uint32]shown

// shown is one notification: its news, of which the first leads, and when it came.
type shown struct {
	news  []Notice
	since dbus.Sequence
}

func isNews(n Notice) bool { return !n.Over }

// step is what there is to do on the desktop.
type step struct {
	news     []Notice // in one notification; none: nothing
	replaces uint32   // which has this one's place; 0: a new one
	closes   []uint32
}

// plan is what ns changes, which are of a moment and in order: what is over, or is told
// anew, goes. News that stood below it stays, and is told with the rest.
func (b board) plan(ns []Notice) step {
	var s step
	fresh := map[string]bool{}
	for _, n := range ns {
		fresh[n.Key] = true
		if isNews(n) {
			s.news = append(s.news, n)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b)) {
		had := b[id].news
		if !fresh[had[0].Key] {
			continue
		}
		for _, n := range had[1:] {
			if !fresh[n.Key] {
				fresh[n.Key] = true
				s.news = append(s.news, n)
			}
		}
		s.closes = append(s.closes, id)
	}
	if len(s.news) == 0 {
		return s
	}
	for i, id := range s.closes {
		if i == 0 || b[id].news[0].Key == s.news[0].Key {
			s.replaces = id
		}
	}
	s.closes = slices.DeleteFunc(s.closes, func(id uint32) bool { return id == s.replaces })
	return s
}

// done notes that a step of ns has been taken; what its news show as has an id since then.
func (b board) done(ns []Notice, s step, id uint32, since dbus.Sequence) {
	for _, gone := range s.closes {
		delete(b, gone)
	}
	delete(b, s.replaces)
	// What is only mentioned keeps its words: the same is not told twice for them. But
	// it is not told again either.
	for at, on := range b {
		on.news = slices.DeleteFunc(slices.Clone(on.news), func(n Notice) bool {
			return slices.ContainsFunc(ns, func(x Notice) bool { return x.Key == n.Key })
		})
		b[at] = on
	}
	if len(s.news) > 0 {
		b[id] = shown{s.news, since}
	}
}
