package window

import (
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// pin keeps an application at hand, or does not any more.
func (w *Window) pin(id wire.AppID, pinned bool) {
	w.do(session.Pin{App: id, Pinned: pinned}, nil)
}
