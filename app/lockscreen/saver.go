package lockscreen

import (
	"context"
	"strings"

	"github.com/godbus/dbus/v5"
)

// savers are the names that desktops' screen savers and lockers have, which are
// their interfaces' as well: KDE's and others', GNOME's, and those made after it.
var savers = []string{
	"org.freedesktop.ScreenSaver",
	"org.gnome.ScreenSaver",
	"org.cinnamon.ScreenSaver",
	"org.mate.ScreenSaver",
	"org.xfce.ScreenSaver",
}

// saverPath is where a saver's object is, by its name.
func saverPath(name string) dbus.ObjectPath {
	return dbus.ObjectPath("/" + strings.ReplaceAll(name, ".", "/"))
}

const activeChanged = ".ActiveChanged"

// watchSavers tells of the session's screen savers.
func watchSavers(ctx context.Context, conn *dbus.Conn, tell func(from string, on bool)) error {
	var matches [][]dbus.MatchOption
	for _, name := range savers {
		matches = append(matches,
			[]dbus.MatchOption{dbus.WithMatchSender(name), dbus.WithMatchInterface(name), dbus.WithMatchMember("ActiveChanged")})
	}
	services, signals, err := listen(ctx, conn, savers, matches...)
	if err != nil {
		return err
	}
	for _, name := range savers {
		tell(name, active(ctx, conn, name))
	}
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return errEnded
			}
			if name, owned, ok := services.handed(s); ok {
				tell(name, owned && active(ctx, conn, name))
				continue
			}
			name, is := strings.CutSuffix(s.Name, activeChanged)
			if !is || len(s.Body) != 1 || !services.said(name, s) {
				continue
			}
			if on, ok := s.Body[0].(bool); ok {
				tell(name, on)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// active asks a saver, and starts none for it.
func active(ctx context.Context, conn *dbus.Conn, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var on bool
	err := conn.Object(name, saverPath(name)).CallWithContext(ctx, name+".GetActive", dbus.FlagNoAutoStart).Store(&on)
	return err == nil && on
}
