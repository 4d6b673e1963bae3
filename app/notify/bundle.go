package notify

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// wanted are the notices that the user has chosen to get. One that is not wanted
// takes away what stands in its place.
func wanted(ns []Notice, choice session.Notices) []Notice {
	if choice == session.NoticesAll {
		return ns
	}
	kept := make([]Notice, 0, len(ns))
	for _, n := range ns {
		if choice == session.NoticesNone || !n.Important {
			n = Notice{Key: n.Key, Over: true}
		}
		kept = append(kept, n)
	}
	return kept
}

// inOrder is what is over, and then the news, the most urgent first.
func inOrder(ns []Notice) []Notice {
	ns = slices.Clone(ns)
	rank := func(n Notice) int {
		switch {
		case n.Over:
			return 0
		case n.Important:
			return 1
		}
		return 2 // good news waits
	}
	slices.SortStableFunc(ns, func(a, b Notice) int { return rank(a) - rank(b) })
	return ns
}

// bundle makes one notice of news, the first in full and with its button.
func bundle(news []Notice) Notice {
	n := news[0]
	var also []string
	for _, x := range news[1:] {
		also = append(also, strings.TrimSuffix(x.Title, "."))
	}
	if len(also) > 0 {
		n.Body = join(n.Body, lang.F("Also: %s", strings.Join(also, "; ")))
	}
	return n
}
