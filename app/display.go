package app

import (
	"errors"
	"os"
	"runtime"

	"github.com/tidegate/tidegate/internal/lang"
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
