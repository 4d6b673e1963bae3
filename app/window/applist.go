package window

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// entry is an application in its place on the page.
type entry struct {
	app     int // of index.apps
	id      wire.AppID
	section section
}

// section is a part of the page with a heading.
type section struct {
	kind  sectionKind
	group string // of the administrator's
}

type sectionKind int

const (
	ofGroup sectionKind = iota
	ofPinned
	ofRecent
	ofHits // what a search finds, the best first
)

// title is the heading; alone says that there is no other group.
func (s section) title(alone bool) string {
	switch {
	case s.kind == ofPinned:
		return appWords.pinned
	case s.kind == ofRecent:
		return appWords.recent
	case s.group != "":
		return s.group
	case alone:
		return appWords.allApps
	}
	return words.otherGroup
}

// rowOfRecent is how many applications are recent here.
const rowOfRecent = 4

// arranged arranges the applications of a page that nothing is searched on: those that
// are pinned and those that were used last first, and all of them in their groups,
// where each keeps its place.
func arranged(apps []session.App, pinned, recent []wire.AppID) []entry {
	entries := make([]entry, 0, len(apps)+len(pinned)+len(recent))
	if len(pinned)+len(recent) > 0 {
		at := make(map[wire.AppID]int, len(apps))
		for i := range apps {
			at[apps[i].ID] = i
		}
		for _, part := range []struct {
			kind sectionKind
			ids  []wire.AppID
		}{{ofPinned, pinned}, {ofRecent, recent}} {
			for _, id := range part.ids {
				if i, ok := at[id]; ok { // some may be served no more
					entries = append(entries, entry{i, id, section{kind: part.kind}})
				}
			}
		}
	}
	for i := range apps {
		entries = append(entries, entry{i, apps[i].ID, section{group: apps[i].Group}})
	}
	return entries
}

// ranked arranges what a search found: first what is called so.
func ranked(x *index, found []int, query string) []entry {
	query = strings.Join(strings.Fields(strings.ToLower(query)), " ")
	entries := make([]entry, len(found))
	ranks := make([]int, len(x.apps))
	for n, i := range found {
		entries[n] = entry{i, x.apps[i].ID, section{kind: ofHits}}
		name, _, _ := strings.Cut(x.words[i], "\n")
		switch at := strings.Index(name, query); {
		case at == 0:
		case at > 0 && name[at-1] == ' ':
			ranks[i] = 1
		case at > 0:
			ranks[i] = 2
		default:
			ranks[i] = 3
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return ranks[a.app] - ranks[b.app] })
	return entries
}

// usedOf are the applications that are not pinned and were used: those in use first,
// then the others, the last one first.
func usedOf(apps []session.App, pinned []wire.AppID) []*session.App {
	var all []*session.App
	for i := range apps {
		if a := &apps[i]; (used(a) || !a.LastUsed.IsZero()) && !slices.Contains(pinned, a.ID) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b *session.App) int {
		switch ua, ub := used(a), used(b); {
		case ua && !ub:
			return -1
		case ub && !ua:
			return 1
		}
		return b.LastUsed.Compare(a.LastUsed)
	})
	return all
}

func used(a *session.App) bool { return a.Flows > 0 || a.State == session.AppInUse }

// recentOf are the first of usedOf. What was is what it said before: who is among them
// keeps the place, lest something moves under the pointer; it is nil when the page is
// shown anew.
func recentOf(apps []session.App, pinned, was []wire.AppID) []wire.AppID {
	all := usedOf(apps, pinned)
	var recent []wire.AppID
	for _, id := range was {
		if slices.ContainsFunc(all, func(a *session.App) bool { return a.ID == id }) {
			recent = append(recent, id)
		}
	}
	for _, a := range all {
		if len(recent) < rowOfRecent && !slices.Contains(recent, a.ID) {
			recent = append(recent, a.ID)
		}
	}
	return recent
}
