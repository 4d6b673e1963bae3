package desktoptest

import (
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// ScreenSaver is a screen saver, or what locks the screen.
type ScreenSaver struct {
	t    testing.TB
	conn *dbus.Conn
	name string
	mu   sync.Mutex
	on   bool
}

// NewScreenSaver puts one on the bus under a name as org.gnome.ScreenSaver, until
// its test ends or Close.
func NewScreenSaver(t testing.TB, address, name string, on bool) *ScreenSaver {
	t.Helper()
	s := &ScreenSaver{t: t, conn: Connect(t, address), name: name, on: on}
	if err := s.conn.Export(saver{s}, s.path(), name); err != nil {
		t.Fatal(err)
	}
	own(t, s.conn, name)
	return s
}

func (s *ScreenSaver) path() dbus.ObjectPath {
	return dbus.ObjectPath("/" + strings.ReplaceAll(s.name, ".", "/"))
}

type saver struct{ s *ScreenSaver }

// GetActive implements the saver's method.
func (v saver) GetActive() (bool, *dbus.Error) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	return v.s.on, nil
}

// Set locks or unlocks the screen.
func (s *ScreenSaver) Set(on bool) {
	s.t.Helper()
	s.mu.Lock()
	s.on = on
	s.mu.Unlock()
	if err := s.conn.Emit(s.path(), s.name+".ActiveChanged", on); err != nil {
		s.t.Fatal(err)
	}
}

// Arrived returns when the bus has passed on all that was Set.
func (s *ScreenSaver) Arrived() {
	s.t.Helper()
	if err := s.conn.BusObject().Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err != nil {
		s.t.Fatal(err)
	}
}

// Close takes it off the bus, as one that crashes.
func (s *ScreenSaver) Close() { s.conn.Close() }
