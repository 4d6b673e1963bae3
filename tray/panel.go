package tray

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/colorscheme"
)

// lightPanel says whether the panel of a desktop, as XDG_CURRENT_DESKTOP names
// it, is light. The portal tells the windows' scheme, which panels follow but
// for GNOME's, whose bar is dark in both. Unknown is dark: most are.
func lightPanel(desktop string, scheme colorscheme.Scheme) bool {
	return scheme == colorscheme.Light && !slices.Contains(strings.Split(desktop, ":"), "GNOME")
}

// panelNow asks for the scheme, and starts no portal for it.
func panelNow(ctx context.Context, conn *dbus.Conn) bool {
	scheme, err := colorscheme.Ask(ctx, conn, dbus.FlagNoAutoStart)
	return err == nil && panelOf(scheme)
}

func panelOf(scheme colorscheme.Scheme) bool {
	return lightPanel(os.Getenv("XDG_CURRENT_DESKTOP"), scheme)
}
