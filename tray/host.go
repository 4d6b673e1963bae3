package tray

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/colorscheme"
)

// watcher is the name that a desktop with a tray has on its session bus
// (the StatusNotifierItem specification).
const watcher = "org.kde.StatusNotifierWatcher"

// desk is what the desktop is to the tray.
type desk struct {
	host  bool // there is a tray
	light bool // its panel is light
	bus   int  // of the session buses that there were, which; 0: there is none
}

const (
	// busTime bounds what is asked of the session bus at the start.
	busTime = 5 * time.Second
	// A login may start us before its bus, and a bus may end: it is looked for
	// again after busPause, which doubles up to busPauses.
	busPause  = time.Second
	busPauses = time.Minute
)

// watchDesk tells desks what the desktop is, first at once and then with every
// change, until ctx ends. No session bus means no tray, until there is one, or one
// again. The connection is its own: the library closes the shared one when it ends.
func watchDesk(ctx context.Context, desks chan<- desk, log *slog.Logger) error {
	tell := func(d desk) {
		select {
		case desks <- d:
		case <-ctx.Done():
		}
	}
	for bus, pause := 0, busPause; ctx.Err() == nil; pause = min(2*pause, busPauses) {
		conn, err := sessionBus(ctx)
		if err == nil {
			bus, pause = bus+1, busPause
			watchBus(ctx, conn, bus, tell, log)
			conn.Close()
			err = errEnded
		}
		if ctx.Err() == nil && pause == busPause {
			log.Info("no tray: there is no session bus", "error", err)
			tell(desk{})
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

var errEnded = errors.New("it has ended")

// watchBus tells what the desktop is while its bus lives.
func watchBus(ctx context.Context, conn *dbus.Conn, bus int, tell func(desk), log *slog.Logger) {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	now, err := ask(ctx, conn)
	if err != nil {
		log.Info("no tray: the session bus does not tell", "error", err)
	}
	now.bus = bus
	tell(now)
	lights := make(chan bool)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() {
		err := colorscheme.Follow(ctx, conn, func(s colorscheme.Scheme) {
			select {
			case lights <- panelOf(s):
			case <-ctx.Done():
			}
		})
		if err != nil {
			log.Info("the icon does not follow the panel", "error", err)
		}
	})
	for {
		was := now
		select {
		case s, ok := <-signals:
			if !ok {
				return
			}
			if host, ok := ownerChanged(s); ok {
				now.host = host
			}
		case now.light = <-lights:
		case <-ctx.Done():
			return
		}
		if now != was {
			tell(now)
		}
	}
}

// ask has the bus tell of changes, and asks how it is now: in this order, so
// that no change falls between.
func ask(ctx context.Context, conn *dbus.Conn) (now desk, err error) {
	ctx, cancel := context.WithTimeout(ctx, busTime)
	defer cancel()
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
		dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcher))
	if err == nil {
		err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, watcher).Store(&now.host)
	}
	if err == nil {
		now.light = panelNow(ctx, conn)
	}
	return now, err
}

// sessionBus connects to the session's bus, and never starts one. The
// connection ends with ctx, and where the bus does not answer.
func sessionBus(ctx context.Context) (conn *dbus.Conn, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	patience := time.AfterFunc(busTime, cancel)
	defer patience.Stop()
	conn, err = dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
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
	context.AfterFunc(conn.Context(), cancel)
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
