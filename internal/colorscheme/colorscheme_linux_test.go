package colorscheme

import (
	"context"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/desktoptest"
)

// portal tells one setting, as GNOME 43's and KDE's do: Read wraps it twice.
type portal struct{ value any }

func (p portal) Read(namespace, key string) (dbus.Variant, *dbus.Error) {
	if namespace != Namespace || key != Key {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.portal.Error.NotFound", nil)
	}
	return dbus.MakeVariant(dbus.MakeVariant(p.value)), nil
}

// serve has a portal on a session bus, which is ours from then on.
func serve(t *testing.T, value any) *dbus.Conn {
	t.Helper()
	bus := desktoptest.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	conn := desktoptest.Connect(t, bus)
	own(t, conn, value)
	return conn
}

// own makes the connection the portal's.
func own(t *testing.T, conn *dbus.Conn, value any) {
	t.Helper()
	if err := conn.Export(portal{value}, Path, Settings); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(Portal, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("own %s: %v, %v", Portal, reply, err)
	}
}

func TestFollow(t *testing.T) {
	conn := serve(t, uint32(Light))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, ended := make(chan Scheme, 8), make(chan error, 1)
	go func() { ended <- FollowSession(ctx, func(s Scheme) { told <- s }) }()
	expect := func(want Scheme) {
		t.Helper()
		select {
		case got := <-told:
			if got != want {
				t.Fatalf("told %d, want %d", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%d is not told", want)
		}
	}
	expect(Light)
	change := func(namespace string, v any) {
		t.Helper()
		if err := conn.Emit(Path, Settings+".SettingChanged", namespace, Key, dbus.MakeVariant(v)); err != nil {
			t.Fatal(err)
		}
	}
	change("org.example", uint32(Dark))
	change(Namespace, "nonsense")
	change(Namespace, uint32(Dark))
	expect(Dark)
	change(Namespace, uint32(7))
	expect(None)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A portal that comes later, as KDE's does after a login, is asked as well.
func TestPortalComesLate(t *testing.T) {
	bus := desktoptest.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan Scheme, 8), make(chan error, 1)
	go func() { ended <- FollowSession(ctx, func(s Scheme) { told <- s }) }()
	for _, want := range []Scheme{Light, Dark} { // it comes, ends, and comes again
		conn := desktoptest.Connect(t, bus)
		own(t, conn, uint32(want))
		for late, now := time.After(10*time.Second), None; now != want; {
			select {
			case now = <-told:
			case <-late:
				t.Fatalf("%d is not told", want)
			}
		}
		conn.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFollowNobody(t *testing.T) {
	for name, address := range map[string]string{
		"no bus":    "unix:path=/nonexistent",
		"no portal": desktoptest.Bus(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := FollowSession(ctx, func(s Scheme) { t.Errorf("told %d", s) }); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDamagedAnswer(t *testing.T) {
	conn := serve(t, "dark")
	if s, err := Ask(t.Context(), conn, 0); err == nil {
		t.Errorf("%d, and no error", s)
	}
}
