package lockscreen

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// services are those that are listened to, by their names. Whoever is on a bus may send us
// what they alone are to say, on the system's bus other users as well: what the bus passes
// on is theirs only if it comes from who has the name.
type services struct {
	conn   *dbus.Conn
	owners map[string]string
}

// listen has the signals that match told, and the services' coming and going, before
// anything is asked, so that no change falls between.
func listen(ctx context.Context, conn *dbus.Conn, names []string, matches ...[]dbus.MatchOption) (*services, <-chan *dbus.Signal, error) {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for _, name := range names {
		matches = append(matches, []dbus.MatchOption{dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)})
	}
	for _, m := range matches {
		if err := conn.AddMatchSignalContext(ctx, m...); err != nil {
			return nil, nil, fmt.Errorf("listen on bus: %w", err)
		}
	}
	s := &services{conn: conn, owners: map[string]string{}}
	for _, name := range names {
		var owner string
		if conn.BusObject().CallWithContext(ctx, busName+".GetNameOwner", 0, name).Store(&owner) == nil {
			s.owners[name] = owner
		}
	}
	return s, signals, nil
}

const busName = "org.freedesktop.DBus"

// said says whether a signal is the named service's.
func (s *services) said(name string, what *dbus.Signal) bool {
	owner := s.owners[name]
	return owner != "" && what.Sender == owner
}

// handed reads NameOwnerChanged(name, old, new), after which another has the name, or
// nobody.
func (s *services) handed(what *dbus.Signal) (name string, owned, ok bool) {
	if what.Sender != busName || what.Name != busName+".NameOwnerChanged" || len(what.Body) != 3 {
		return "", false, false
	}
	name, ok = what.Body[0].(string)
	owner, isOwner := what.Body[2].(string)
	if !ok || !isOwner {
		return "", false, false
	}
	s.owners[name] = owner
	return name, owner != "", true
}
