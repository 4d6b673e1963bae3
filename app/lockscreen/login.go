package lockscreen

import (
	"context"
	"os"
	"slices"

	"github.com/godbus/dbus/v5"
)

// logind's (org.freedesktop.login1(5)).
const (
	login        = "org.freedesktop.login1"
	loginPath    = "/org/freedesktop/login1"
	loginManager = login + ".Manager"
	loginSession = login + ".Session"
	properties   = "org.freedesktop.DBus.Properties"
	lockedHint   = "LockedHint"

	// sessionEnv names the session of a program that was started in one. A
	// user's service has none: logind finds that of the user's display.
	sessionEnv  = "XDG_SESSION_ID"
	sessionAuto = "auto"
)

// watchLogin tells of the user's session.
func watchLogin(ctx context.Context, conn *dbus.Conn, tell func(from string, on bool)) error {
	of := func(face string, more ...dbus.MatchOption) []dbus.MatchOption {
		return append([]dbus.MatchOption{dbus.WithMatchSender(login), dbus.WithMatchInterface(face)}, more...)
	}
	services, signals, err := listen(ctx, conn, []string{login},
		of(loginManager, dbus.WithMatchMember("SessionNew")),
		of(loginSession, dbus.WithMatchMember("Lock")), of(loginSession, dbus.WithMatchMember("Unlock")),
		of(properties, dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, loginSession)))
	if err != nil {
		return err
	}
	path := mySession(ctx, conn)
	tell(lockedHint, hint(ctx, conn, path))
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return errEnded
			}
			name, _, handed := services.handed(s)
			switch {
			case !handed && !services.said(login, s):
			case handed && name == login, s.Name == loginManager+".SessionNew":
				path = mySession(ctx, conn)
				tell(lockedHint, hint(ctx, conn, path))
			case path == "" || s.Path != path:
			case s.Name == loginSession+".Lock":
				tell(asked, true)
			case s.Name == loginSession+".Unlock":
				tell(asked, false)
			case s.Name == properties+".PropertiesChanged":
				if on, known, ok := hinted(s); ok {
					tell(lockedHint, on || !known && hint(ctx, conn, path))
				}
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// mySession finds the user's session; empty: there is none, or nobody to ask.
func mySession(ctx context.Context, conn *dbus.Conn) (path dbus.ObjectPath) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for _, id := range []string{os.Getenv(sessionEnv), sessionAuto} { // that one may be over
		if id == "" {
			continue
		}
		if conn.Object(login, loginPath).CallWithContext(ctx, loginManager+".GetSession", dbus.FlagNoAutoStart, id).Store(&path) == nil {
			return path
		}
	}
	return ""
}

// hint asks whether a session says that it is locked.
func hint(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath) bool {
	if path == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var v dbus.Variant
	err := conn.Object(login, path).CallWithContext(ctx, properties+".Get", dbus.FlagNoAutoStart, loginSession, lockedHint).Store(&v)
	locked, ok := v.Value().(bool)
	return err == nil && ok && locked
}

// hinted reads the hint of PropertiesChanged(interface, changed, invalidated), which
// may say no more than that it is another now.
func hinted(s *dbus.Signal) (on, known, ok bool) {
	if len(s.Body) != 3 {
		return false, false, false
	}
	changed, _ := s.Body[1].(map[string]dbus.Variant)
	if v, is := changed[lockedHint]; is {
		on, known = v.Value().(bool)
		return on, known, true
	}
	gone, _ := s.Body[2].([]string)
	return false, false, slices.Contains(gone, lockedHint)
}
