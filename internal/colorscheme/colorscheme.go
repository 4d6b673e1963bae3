// Package colorscheme is whether the desktop's user prefers dark windows or light ones:
// color-scheme of org.freedesktop.appearance, which the XDG Desktop Portal tells on the
// session bus (its interface Settings, in every version).
package colorscheme

import (
	"context"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// Scheme is the user's preference, as the portal numbers it.
type Scheme uint32

// What the user prefers. Whatever else the portal tells is None.
const (
	None Scheme = iota
	Dark
	Light
)

// Where the portal is, and what of it is asked.
const (
	Portal    = "org.freedesktop.portal.Desktop"
	Path      = "/org/freedesktop/portal/desktop"
	Settings  = "org.freedesktop.portal.Settings"
	Namespace = "org.freedesktop.appearance"
	Key       = "color-scheme"
)

// patience is how long the portal may take to start and answer.
const patience = 30 * time.Second

// Ask asks the portal. With dbus.FlagNoAutoStart none is started for it.
func Ask(ctx context.Context, conn *dbus.Conn, flags dbus.Flags) (Scheme, error) {
	var v dbus.Variant
	err := conn.Object(Portal, Path).CallWithContext(ctx, Settings+".Read", flags, Namespace, Key).Store(&v)
	if err != nil {
		return None, fmt.Errorf("ask the desktop's portal for its colour scheme: %w", err)
	}
	if in, ok := v.Value().(dbus.Variant); ok { // Read wraps what it tells once more
		v = in
	}
	if s, ok := of(v); ok {
		return s, nil
	}
	return None, fmt.Errorf("the desktop's portal tells %v as its colour scheme", v)
}

// Follow calls set with the scheme and with each that follows, until ctx or the
// connection ends. Where there is no portal it is started; where that fails, the scheme
// is told once there is one.
func Follow(ctx context.Context, conn *dbus.Conn, set func(Scheme)) error {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	defer conn.RemoveSignal(signals)
	if err := watch(ctx, conn); err != nil { // before it is asked: no change falls between
		return err
	}
	ask := func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if s, err := Ask(ctx, conn, 0); err == nil {
			set(s)
		}
	}
	ask()
	for {
		select {
		case s, ok := <-signals:
			switch scheme, changed := changed(s); {
			case !ok:
				return nil
			case changed:
				set(scheme)
			case came(s):
				ask()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// FollowSession is Follow on the session's bus, which is not started for it. Without one
// it returns at once.
func FollowSession(ctx context.Context, set func(Scheme)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(patience, cancel)
	defer late.Stop()
	conn, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return nil
	}
	defer conn.Close()
	if conn.Auth(nil) != nil || conn.Hello() != nil || !late.Stop() {
		return nil
	}
	return Follow(ctx, conn, set)
}

// watch has the bus tell of changes, and of a portal that comes.
func watch(ctx context.Context, conn *dbus.Conn) error {
	err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(Portal), dbus.WithMatchObjectPath(Path),
		dbus.WithMatchInterface(Settings), dbus.WithMatchMember("SettingChanged"), dbus.WithMatchArg(0, Namespace))
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
			dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, Portal))
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("have the session bus tell of the colour scheme: %w", err)
	}
	return nil
}

// came tells whether a portal has come: NameOwnerChanged(name, old, new).
func came(s *dbus.Signal) bool {
	if s.Name != "org.freedesktop.DBus.NameOwnerChanged" || s.Sender != "org.freedesktop.DBus" || len(s.Body) != 3 || s.Body[0] != Portal {
		return false
	}
	owner, ok := s.Body[2].(string)
	return ok && owner != ""
}

// changed reads SettingChanged(namespace, key, value) of the colour scheme; false:
// it is another signal, or damaged.
func changed(s *dbus.Signal) (Scheme, bool) {
	if s == nil || s.Name != Settings+".SettingChanged" || s.Path != Path || len(s.Body) != 3 || s.Body[0] != Namespace || s.Body[1] != Key {
		return None, false
	}
	v, ok := s.Body[2].(dbus.Variant)
	if !ok {
		return None, false
	}
	return of(v)
}

func of(v dbus.Variant) (Scheme, bool) {
	n, ok := v.Value().(uint32)
	if s := Scheme(n); s == Dark || s == Light {
		return s, ok
	}
	return None, ok
}
