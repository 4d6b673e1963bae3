package tray

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/godbus/dbus/v5"
)

// watcher is the name that a desktop with a tray has on its session bus
// (the StatusNotifierItem specification).
const watcher = "org.kde.StatusNotifierWatcher"

// watchHost tells hosts whether the desktop has a tray, first at once and then
// with every change, until ctx ends. No session bus means no tray. The
// connection is its own: the library closes the shared one when it ends.
func watchHost(ctx context.Context, hosts chan<- bool, log *slog.Logger) error {
	tell := func(present bool) {
		select {
		case hosts <- present:
		case <-ctx.Done():
		}
	}
	conn, err := sessionBus()
	if err != nil {
		log.Info("no tray: there is no session bus", "error", err)
		tell(false)
		<-ctx.Done()
		return nil
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	// The match comes before the question, so that no change falls between.
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
		dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcher))
	var present bool
	if err == nil {
		err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, watcher).Store(&present)
	}
	if err != nil {
		log.Info("no tray: the session bus does not tell", "error", err)
	}
	tell(present)
	for {
		select {
		case s, ok := <-signals:
			if !ok { // the bus is gone, and the desktop with it
				tell(false)
				<-ctx.Done()
				return nil
			}
			if now, ok := ownerChanged(s); ok && now != present {
				present = now
				tell(present)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// sessionBus connects to the session's bus, and never starts one.
func sessionBus() (*dbus.Conn, error) {
	conn, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return nil, fmt.Errorf("find session bus: %w", err)
	}
	if err := conn.Auth(nil); err != nil {
		conn.Close()
		return nil, fmt.Errorf("sign in to session bus: %w", err)
	}
	if err := conn.Hello(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("greet session bus: %w", err)
	}
	return conn, nil
}

// ownerChanged reads NameOwnerChanged(name, old, new) of the watcher.
func ownerChanged(s *dbus.Signal) (present, ok bool) {
	if s.Sender != "org.freedesktop.DBus" || s.Name != "org.freedesktop.DBus.NameOwnerChanged" || len(s.Body) != 3 || s.Body[0] != watcher {
		return false, false
	}
	owner, ok := s.Body[2].(string)
	return owner != "", ok
}
