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

// bundle makes one notice of all that is to be shown, the most urgent in full and
// with its button.
func bundle(ns []Notice) []Notice {
	var out, shown []Notice
	for _, n := range ns {
		if n.Over {
			out = append(out, n)
		} else {
			shown = append(shown, n)
		}
	}
	if len(shown) == 0 {
		return out
	}
	slices.SortStableFunc(shown, func(a, b Notice) int { // good news waits
		switch {
		case a.Important == b.Important:
			return 0
		case a.Important:
			return -1
		}
		return 1
	})
	n := shown[0]
	var also []string
	for _, x := range shown[1:] {
		also = append(also, strings.TrimSuffix(x.Title, "."))
	}
	if len(also) > 0 {
		n.Body = join(n.Body, lang.F("Also: %s", strings.Join(also, "; ")))
	}
	return append(out, n)
}
