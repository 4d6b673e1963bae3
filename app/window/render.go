package window

import (
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// apply shows a state: each part computes from it the little that it shows,
// and touches its widgets only where that differs from what they show now.
func (w *Window) apply(s session.State) {
	w.state = s
	w.speak()
	w.side.apply(s)
	w.pages.apply(s)
	if s.Window.Seq > w.raised {
		w.obey(s.Window)
	}
	w.settle()
	w.seen = true
}

// obey goes where the tray process asks the window to go. Showing it is for whoever
// watches the states with it, as package viewer does: once, or a window that was closed
// at once comes up again.
func (w *Window) obey(r session.WindowRequest) {
	w.raised = r.Seq
	if r.Page != "" {
		w.menu, w.detail = false, ""
		w.pages.show(r.Page)
	}
	if r.App != "" {
		w.pages.show(session.PageApplications)
		w.menu, w.detail = false, r.App
	}
}

// appOf finds an application.
func appOf(s session.State, id wire.AppID) (*session.App, bool) {
	for i := range s.Apps {
		if s.Apps[i].ID == id {
			return &s.Apps[i], true
		}
	}
	return nil, false
}

// namesOf are the names of applications, in the order of ids; one that is not
// there any more is left out.
func namesOf(s session.State, ids []wire.AppID) []string {
	var names []string
	for _, id := range ids {
		if a, ok := appOf(s, id); ok {
			names = append(names, a.Name)
		}
	}
	return names
}
