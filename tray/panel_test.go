package tray

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/colorscheme"
	"github.com/tidegate/tidegate/internal/desktoptest"
)

func TestLightPanel(t *testing.T) {
	for _, tt := range []struct {
		desktop string
		scheme  colorscheme.Scheme
		want    bool
	}{
		{"KDE", colorscheme.Light, true},
		{"KDE", colorscheme.Dark, false},
		{"KDE", 0, false},
		{"XFCE", colorscheme.Light, true},
		{"GNOME", colorscheme.Light, false}, // its bar is dark in both
		{"ubuntu:GNOME", colorscheme.Light, false},
		{"", colorscheme.Light, true},
		{"", 7, false},
	} {
		if got := lightPanel(tt.desktop, tt.scheme); got != tt.want {
			t.Errorf("on %q with scheme %d: light %v", tt.desktop, tt.scheme, got)
		}
	}
}

// settings is a portal that knows one setting.
type settings struct{ scheme colorscheme.Scheme }

func (s settings) Read(namespace, key string) (dbus.Variant, *dbus.Error) {
	if namespace != colorscheme.Namespace || key != colorscheme.Key {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.portal.Error.NotFound", nil)
	}
	return dbus.MakeVariant(dbus.MakeVariant(uint32(s.scheme))), nil
}

func TestIconFollowsTheColourScheme(t *testing.T) {
	bus := desktoptest.Bus(t)
	conn := desktoptest.Connect(t, bus)
	w := desktoptest.NewWatcher(t, bus)
	c := startChild(t, bus, "XDG_CURRENT_DESKTOP=KDE")
	c.expect("host true")
	s := signedIn()
	c.send(s)
	desktoptest.Eventually(t, "the icon for a dark panel, as nobody tells", func() bool { return w.Registered() > 0 && colour(w) == Active })
	if err := conn.Export(settings{colorscheme.Light}, colorscheme.Path, colorscheme.Settings); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(colorscheme.Portal, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("own %s: %v, %v", colorscheme.Portal, reply, err)
	}
	desktoptest.Eventually(t, "the icon for a light panel", func() bool { return colour(w) == Active+onLight })
	s.ZTA.Attention = true
	c.send(s)
	desktoptest.Eventually(t, "attention on a light panel", func() bool { return colour(w) == Attention+onLight })
	change := func(namespace string, v any) {
		t.Helper()
		if err := conn.Emit(colorscheme.Path, colorscheme.Settings+".SettingChanged", namespace, colorscheme.Key, dbus.MakeVariant(v)); err != nil {
			t.Fatal(err)
		}
	}
	change("org.example", uint32(colorscheme.Dark))
	change(colorscheme.Namespace, "nonsense")
	change(colorscheme.Namespace, uint32(colorscheme.Dark))
	desktoptest.Eventually(t, "attention on a dark panel", func() bool { return colour(w) == Attention })
	c.quit()
}

// A bus that takes connections and never answers is none, and holds up no end.
func TestSilentSessionBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- watchDesk(ctx, make(chan desk), slog.New(slog.DiscardHandler)) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for the bus")
	}
}
