package app

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// NoDisplay says, in the user's words, why no window can be shown; nil: one can. The
// window is drawn with X11, which a Wayland desktop has by XWayland, and else with what
// the system always has.
func NoDisplay() error { return noDisplay(runtime.GOOS, os.Getenv) }

func noDisplay(system string, getenv func(string) string) error {
	switch {
	case system == "windows" || system == "darwin" || getenv("DISPLAY") != "":
		return nil
	case getenv("WAYLAND_DISPLAY") != "":
		return errors.New(lang.T("the window needs XWayland, which this desktop does not run; install it and sign in to the desktop again, or use the command line: tidegate help"))
	}
	return errors.New(lang.T("there is no display for the window; use the command line: tidegate help"))
}

// remote is the core as other processes command it. One that asks for the window is
// told that none can be shown, where it is read: a notification may be seen nowhere.
type remote struct {
	Core
	display func() error
}

func (r remote) Do(ctx context.Context, cmd session.Command) error {
	if _, ok := cmd.(session.ShowWindow); ok {
		if err := r.display(); err != nil {
			return &wire.Problem{Code: wire.CodeNoDisplay, Status: http.StatusConflict, Title: err.Error()}
		}
	}
	return r.Core.Do(ctx, cmd)
}
