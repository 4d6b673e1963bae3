package tray

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Where a desktop tells its colour scheme (XDG Desktop Portal, Settings).
const (
	portal         = "org.freedesktop.portal.Desktop"
	portalPath     = "/org/freedesktop/portal/desktop"
	portalSettings = "org.freedesktop.portal.Settings"
	appearance     = "org.freedesktop.appearance"
	colorScheme    = "color-scheme"
)

// The colour schemes that are a preference.
const (
	preferDark  = 1
	preferLight = 2
)

// lightPanel says whether the panel of a desktop, as XDG_CURRENT_DESKTOP names
// it, is light. The portal tells the windows' scheme, which panels follow but
// for GNOME's, whose bar is dark in both. Unknown is dark: most are.
func lightPanel(desktop string, scheme uint32) bool {
	return scheme == preferLight && !slices.Contains(strings.Split(desktop, ":"), "GNOME")
}

// panelNow asks for the scheme, and starts no portal for it.
func panelNow(ctx context.Context, conn *dbus.Conn) bool {
	var v dbus.Variant
	err := conn.Object(portal, portalPath).CallWithContext(ctx, portalSettings+".Read", dbus.FlagNoAutoStart, appearance, colorScheme).Store(&v)
	return err == nil && panelOf(v)
}

// panelOf reads the setting, which Read wraps once more.
func panelOf(v dbus.Variant) bool {
	if in, ok := v.Value().(dbus.Variant); ok {
		v = in
	}
	scheme, ok := v.Value().(uint32)
	return ok && lightPanel(os.Getenv("XDG_CURRENT_DESKTOP"), scheme)
}

// panelChanged reads SettingChanged(namespace, key, value) of the colour scheme.
func panelChanged(s *dbus.Signal) (light, ok bool) {
	if s.Name != portalSettings+".SettingChanged" || s.Path != portalPath || len(s.Body) != 3 || s.Body[0] != appearance || s.Body[1] != colorScheme {
		return false, false
	}
	v, ok := s.Body[2].(dbus.Variant)
	if !ok {
		return false, false
	}
	if _, ok := v.Value().(uint32); !ok {
		return false, false
	}
	return panelOf(v), true
}
