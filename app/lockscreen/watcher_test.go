package lockscreen

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/desktoptest"
)

// logind plays the login manager: one session, whose user's display it is.
type logind struct {
	t     *testing.T
	conn  *dbus.Conn
	path  dbus.ObjectPath
	props *prop.Properties
}

func newLogind(t *testing.T, address string, locked bool) *logind {
	t.Helper()
	l := &logind{t: t, conn: desktoptest.Connect(t, address), path: "/org/freedesktop/login1/session/_32"}
	if err := l.conn.Export(l, loginPath, loginManager); err != nil {
		t.Fatal(err)
	}
	var err error
	l.props, err = prop.Export(l.conn, l.path, prop.Map{loginSession: {lockedHint: {Value: locked, Emit: prop.EmitTrue}}})
	if err != nil {
		t.Fatal(err)
	}
	owns(t, l.conn, login)
	return l
}

// GetSession implements the manager's method.
func (l *logind) GetSession(id string) (dbus.ObjectPath, *dbus.Error) {
	if id != sessionAuto {
		return "", dbus.NewError("org.freedesktop.login1.NoSuchSession", nil)
	}
	return l.path, nil
}

func (l *logind) hint(on bool) { l.props.SetMust(loginSession, lockedHint, on) }

func (l *logind) emit(path dbus.ObjectPath, signal string) {
	l.t.Helper()
	if err := l.conn.Emit(path, loginSession+"."+signal); err != nil {
		l.t.Fatal(err)
	}
}

func owns(t *testing.T, conn *dbus.Conn, name string) {
	t.Helper()
	reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("own %s: reply %d, %v", name, reply, err)
	}
}

// run runs a Watcher on these buses for the test's life; expect waits for what it
// reports next.
func run(t *testing.T, system, session string) (expect func(locked bool)) {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", system)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", session)
	t.Setenv(sessionEnv, "over")
	reports := make(chan bool, 16)
	w := New(Options{Report: func(locked bool) { reports <- locked }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, leaks)
		if n := len(reports); n > 0 {
			t.Errorf("%d more reports", n)
		}
	})
	return func(locked bool) {
		t.Helper()
		var got bool
		desktoptest.Eventually(t, "a report", func() bool {
			select {
			case got = <-reports:
				return true
			default:
				return false
			}
		})
		if got != locked {
			t.Fatalf("it reports %v, want %v", got, locked)
		}
	}
}

func TestLoginTells(t *testing.T) {
	system := desktoptest.Bus(t)
	l := newLogind(t, system, true)
	expect := run(t, system, "unix:path=/nonexistent/bus")
	expect(true) // from before us
	l.hint(false)
	expect(false)
	l.emit("/org/freedesktop/login1/session/another", "Lock")
	l.emit(l.path, "Lock")
	expect(true)
	l.hint(true)
	l.hint(false)
	expect(false)
	l.emit(l.path, "Lock")
	expect(true)
	l.emit(l.path, "Unlock")
	expect(false)
	l.hint(true)
	expect(true)
	l.conn.Close() // who told has gone
	expect(false)
	newLogind(t, system, true)
	expect(true)
}

// What another on the bus sends us is not the login manager's, or a saver's.
func TestOthersAreNotHeard(t *testing.T) {
	bus := desktoptest.Bus(t)
	l := newLogind(t, bus, false)
	desktoptest.NewScreenSaver(t, bus, savers[0], false)
	saver := desktoptest.NewScreenSaver(t, bus, savers[1], false)
	expect := run(t, bus, bus)
	l.hint(true)
	expect(true)
	l.hint(false)
	expect(false)
	other := desktoptest.Connect(t, bus)
	var names []string
	if err := other.BusObject().Call(busName+".ListNames", 0).Store(&names); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		path         dbus.ObjectPath
		face, member string
		body         []any
	}{
		{l.path, properties, "PropertiesChanged", []any{loginSession, map[string]dbus.Variant{lockedHint: dbus.MakeVariant(true)}, []string{}}},
		{saverPath(savers[0]), savers[0], "ActiveChanged", []any{true}},
	} {
		for _, name := range names {
			if !strings.HasPrefix(name, ":") {
				continue
			}
			m := &dbus.Message{Type: dbus.TypeSignal, Body: s.body, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldPath: dbus.MakeVariant(s.path), dbus.FieldInterface: dbus.MakeVariant(s.face),
				dbus.FieldMember: dbus.MakeVariant(s.member), dbus.FieldDestination: dbus.MakeVariant(name),
				dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(s.body...))}}
			other.Send(m, nil)
		}
	}
	if err := other.BusObject().Call(busName+".Peer.Ping", 0).Err; err != nil { // they are on their way
		t.Fatal(err)
	}
	l.emit(l.path, "Lock")
	expect(true)
	l.emit(l.path, "Unlock")
	expect(false) // which the hint would keep it from
	saver.Set(true)
	expect(true)
	saver.Set(false)
	expect(false) // and this the other saver
}

func TestSaversTell(t *testing.T) {
	session := desktoptest.Bus(t)
	first := desktoptest.NewScreenSaver(t, session, "org.freedesktop.ScreenSaver", true)
	expect := run(t, "unix:path=/nonexistent/bus", session)
	expect(true)
	first.Set(false)
	expect(false)
	second := desktoptest.NewScreenSaver(t, session, "org.gnome.ScreenSaver", true) // comes later
	expect(true)
	first.Set(true)
	first.Arrived()
	second.Set(false)
	second.Arrived()
	first.Set(false)
	expect(false)
	second.Set(true)
	expect(true)
	second.Close()
	expect(false)
}

// A login may start us before its bus, which may end and come again.
func TestBusComesAndGoes(t *testing.T) {
	dir := desktoptest.Folder(t)
	address := "unix:path=" + filepath.Join(dir, "bus")
	expect := run(t, "unix:path=/nonexistent/bus", address)
	for range 2 {
		_, end := desktoptest.BusIn(t, dir)
		desktoptest.NewScreenSaver(t, address, "org.gnome.ScreenSaver", true)
		expect(true)
		end()
		expect(false)
	}
}

// However many changes wait while nobody listens, they are heard in their order: the
// last of them is how the screen is.
func TestHeardInOrder(t *testing.T) {
	session := desktoptest.Bus(t)
	saver := desktoptest.NewScreenSaver(t, session, savers[0], true)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", session)
	const changes = 200
	reports, listen := make(chan bool, 2*changes), make(chan struct{})
	w := New(Options{Report: func(locked bool) {
		reports <- locked
		<-listen
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	desktoptest.Eventually(t, "the first report", func() bool { return len(reports) == 1 })
	for i := range changes {
		saver.Set(i%2 == 1)
	}
	saver.Arrived()
	close(listen)
	desktoptest.Eventually(t, "a report of each change", func() bool { return len(reports) == 1+changes })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAfter(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		pause, watched, want time.Duration
	}{
		{"the first", 0, 0, firstPause},
		{"there is no bus", 4 * time.Second, 0, 8 * time.Second},
		{"still none", longestPause, 0, longestPause},
		{"it refuses to tell", 4 * time.Second, time.Second, 8 * time.Second},
		{"it told for long", longestPause, time.Hour, firstPause},
	} {
		if got := after(tt.pause, tt.watched); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
