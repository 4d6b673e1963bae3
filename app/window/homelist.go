package window

import (
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// homeRecent is how many applications Home shows that are not pinned.
const homeRecent = 6

// shelfView is some applications under a heading.
type shelfView struct {
	title, hint string
	tiles       []tileView
}

// tileView is what a tile shows of an application.
type tileView struct {
	id     wire.AppID
	name   string
	icon   string
	hue    int
	state  stateView
	until  string
	press  pressing
	does   string // what a press does, in words
	pinned bool
}

// pressing is what a press of a tile does.
type pressing int

const (
	pressTells pressing = iota // show the application's card: nothing else would help
	pressAsks                  // ask for what would open it
	pressOpens                 // open it, or copy what opens it
)

// pressOf is the most useful thing to do with an application.
func pressOf(s session.State, a *session.App) pressing {
	switch open := a.State == session.AppReady || a.State == session.AppInUse; {
	case !s.ZTA.Allowed:
		return pressTells
	case open && a.OpenWith != "":
		return pressOpens
	case a.State == session.AppNeedsYou && len(a.Cure) > 0:
		return pressAsks
	}
	return pressTells
}

func tileOf(s session.State, a *session.App, pinned bool) tileView {
	c := cardOf(a, s.At)
	v := tileView{id: a.ID, name: a.Name, icon: c.icon, hue: c.hue, state: c.state, until: c.until, press: pressOf(s, a), pinned: pinned}
	if a.State != session.AppReady && a.State != session.AppInUse && !a.Allowed {
		v.until = "" // that is not when access ends
	}
	switch v.press {
	case pressOpens:
		v.does = openWord(a.Open)
	case pressAsks:
		v.does = cureWord(a.Cure)
	default:
		v.does = homeWords.tells
		if !c.why {
			v.does = vpnWords.details
		}
	}
	return v
}

// shelvesOf are the applications that Home shows: those that are pinned, in the
// order in which they were, and those that were used last, with those that are in
// use first. Who has pinned none, and used few, sees the first of the others as well.
func shelvesOf(s session.State) []shelfView {
	byID := make(map[wire.AppID]*session.App, len(s.Apps))
	for i := range s.Apps {
		byID[s.Apps[i].ID] = &s.Apps[i]
	}
	recent := usedOf(s.Apps, s.Choices.Pinned)
	pinned := shelfView{title: homeWords.pinned}
	for _, id := range s.Choices.Pinned {
		if a := byID[id]; a != nil {
			pinned.tiles = append(pinned.tiles, tileOf(s, a, true))
		}
	}
	rest := shelfView{title: homeWords.recent}
	if len(recent) < homeRecent && len(pinned.tiles) == 0 {
		rest.title = homeWords.apps
		for i := range s.Apps {
			if a := &s.Apps[i]; len(recent) < homeRecent && !slices.Contains(recent, a) {
				recent = append(recent, a)
			}
		}
	}
	for _, a := range recent[:min(len(recent), homeRecent)] {
		rest.tiles = append(rest.tiles, tileOf(s, a, false))
	}
	if len(pinned.tiles) == 0 {
		rest.hint = homeWords.pinHint
	}
	return slices.DeleteFunc([]shelfView{pinned, rest}, func(v shelfView) bool { return len(v.tiles) == 0 })
}

// pinned says whether it is the shelf of those that are.
func (v shelfView) pinned() bool { return len(v.tiles) > 0 && v.tiles[0].pinned }

// goneOf are the pinned applications that are the user's no more, while the
// controller says which are.
func goneOf(s session.State) []wire.AppID {
	if !s.ZTA.Allowed || s.ZTA.Working || len(s.Apps) == 0 {
		return nil
	}
	there := make(map[wire.AppID]bool, len(s.Apps))
	for i := range s.Apps {
		there[s.Apps[i].ID] = true
	}
	return slices.DeleteFunc(slices.Clone(s.Choices.Pinned), func(id wire.AppID) bool { return there[id] })
}

// use does with an application what its tile promises.
func (w *Window) use(id wire.AppID) {
	a, ok := appOf(w.state, id)
	if !ok {
		return
	}
	switch p := pressOf(w.state, a); {
	case p == pressAsks:
		w.do(session.ShowPrompt{App: id}, nil)
	case p == pressOpens && a.Open == session.OpenBrowser:
		w.do(session.OpenApp{App: id}, nil)
		w.say(openedWord(a.Open))
	case p == pressOpens:
		w.copy(a.OpenWith, openedWord(a.Open))
	default:
		w.tell(id)
	}
}

// tell shows the card of an application.
func (w *Window) tell(id wire.AppID) {
	w.detail = id
	w.settle()
}
