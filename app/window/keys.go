package window

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/tidegate/tidegate/session"
)

// bindKeys gives the window its shortcuts: Ctrl+F, Ctrl+1 to Ctrl+6, Ctrl+Q
// and Ctrl+W.
func (w *Window) bindKeys() {
	bind := func(key fyne.KeyName, f func()) {
		w.canvas().AddShortcut(&desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierShortcutDefault}, func(fyne.Shortcut) { f() })
	}
	page := func(p session.Page) func() {
		return func() {
			if w.layer.modal == nil {
				w.pages.show(p)
			}
		}
	}
	bind(fyne.Key1, page(session.PageHome))
	bind(fyne.Key2, page(session.PageApplications))
	bind(fyne.Key3, page(session.PageToday))
	bind(fyne.Key4, page(session.PageConnections))
	bind(fyne.Key5, page(session.PageActivity))
	bind(fyne.Key6, page(session.PageSettings))
	bind(fyne.KeyF, func() {
		switch {
		case w.layer.modal != nil:
		case w.pages.page == session.PageActivity && w.pages.activity.search.frame.Visible():
			w.canvas().Focus(w.pages.activity.search)
		default:
			w.pages.show(session.PageApplications)
			w.canvas().Focus(w.pages.apps.search)
		}
	})
	bind(fyne.KeyQ, w.quit)
	bind(fyne.KeyW, w.closed)
	w.canvas().SetOnTypedKey(w.key)
	w.canvas().SetOnTypedRune(w.rune)
}

// key takes the keys that no widget has a use for.
func (w *Window) key(k *fyne.KeyEvent) {
	switch {
	case w.layer.modal != nil && k.Name == fyne.KeyEscape:
		w.layer.escape()
	case w.layer.modal != nil && (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter):
		w.layer.enter()
	case w.layer.modal != nil:
		if f, ok := w.layer.face.(interface{ key(*fyne.KeyEvent) bool }); ok && f.key(k) {
			return
		}
		turn(w.layer.modal.scroll, k)
	case w.pages.page == session.PageHome:
		turn(w.pages.home.scroll, k)
	case w.pages.page == session.PageApplications:
		w.pages.apps.key(k)
	case w.pages.page == session.PageActivity:
		w.pages.activity.key(k)
	case w.pages.page == session.PageConnections:
		turn(w.pages.connections.scroll, k)
	}
}

// turn scrolls by Page Up and Page Down.
func turn(s *container.Scroll, k *fyne.KeyEvent) {
	by := s.Size().Height - 48
	switch k.Name {
	case fyne.KeyPageUp:
		s.ScrollToOffset(s.Offset.SubtractXY(0, by))
	case fyne.KeyPageDown:
		s.ScrollToOffset(s.Offset.AddXY(0, by))
	}
}

// quit ends the client, and asks before only where that would cut something.
func (w *Window) quit() {
	if quitText(w.state) == "" {
		w.do(session.Quit{}, nil)
		return
	}
	w.ending = true
	w.settle()
}

// inUse counts the applications with an open flow.
func inUse(s session.State) int {
	n := 0
	for i := range s.Apps {
		if s.Apps[i].Flows > 0 {
			n++
		}
	}
	return n
}
