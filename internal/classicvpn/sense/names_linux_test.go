package sense

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/session"
)

// resolver plays systemd-resolved on a bus, with what one link has.
type resolver struct {
	conn *dbus.Conn
	mu   sync.Mutex
	link map[string]dbus.Variant
}

type served struct {
	Family  int32
	Address []byte
}

type domain struct {
	Name    string
	Routing bool
}

func (r *resolver) GetLink(index int32) (dbus.ObjectPath, *dbus.Error) {
	return "/org/freedesktop/resolve1/link/_37", nil
}

func (r *resolver) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.link, nil
}

// set has the link be another, and says so as systemd-resolved does.
func (r *resolver) set(t *testing.T, link map[string]dbus.Variant) {
	t.Helper()
	r.mu.Lock()
	r.link = link
	r.mu.Unlock()
	if err := r.conn.Emit(resolve1Path, "org.freedesktop.DBus.Properties.PropertiesChanged", resolve1Name+".Manager", map[string]dbus.Variant{}, []string{"Domains"}); err != nil {
		t.Fatal(err)
	}
}

// The domains of a VPN are those that systemd-resolved has for its link.
func TestResolved(t *testing.T) {
	runtime.LockOSThread() // the bus ends with the thread that has started it
	defer runtime.UnlockOSThread()
	bus := desktoptest.Bus(t)
	r := &resolver{conn: desktoptest.Connect(t, bus), link: map[string]dbus.Variant{}}
	r.conn.Export(r, resolve1Path, resolve1Name+".Manager")
	r.conn.Export(r, "/org/freedesktop/resolve1/link/_37", "org.freedesktop.DBus.Properties")
	if _, err := r.conn.RequestName(resolve1Name, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Options{Bus: bus}, true)
	w.vpn("pulsesvc", "tun0")
	w.sees("a VPN without names", func(o []session.VPNOther, _ []session.VPNConflict) bool {
		return len(o) == 1 && o[0].Domains == nil && o[0].Servers == nil
	})
	r.set(t, map[string]dbus.Variant{
		"DNS":          dbus.MakeVariant([]served{{2, []byte{10, 8, 0, 1}}, {10, netip.MustParseAddr("fd00:8::1").AsSlice()}, {2, []byte{1, 2, 3}}}),
		"Domains":      dbus.MakeVariant([]domain{{"Office.example", false}, {"lab.example.", true}, {"lab.example", true}}),
		"DefaultRoute": dbus.MakeVariant(false),
	})
	w.sees("its names", func(o []session.VPNOther, _ []session.VPNConflict) bool {
		return len(o) == 1 && slices.Equal(o[0].Domains, []string{"office.example", "lab.example"}) && !o[0].AllNames &&
			slices.Equal(o[0].Servers, []netip.Addr{netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("fd00:8::1")})
	})
	w.sense.Guard(session.VPNGuard{Zones: []string{"wiki.lab.example"}})
	w.sees("that it has names of ours", func(_ []session.VPNOther, c []session.VPNConflict) bool {
		return slices.ContainsFunc(c, func(c session.VPNConflict) bool {
			return c.Feature == session.VPNLocationAwareness && c.Harm == session.VPNHarmPlace
		})
	})
	r.set(t, map[string]dbus.Variant{
		"DNS":     dbus.MakeVariant([]served{{2, []byte{10, 8, 0, 1}}}),
		"Domains": dbus.MakeVariant([]domain{{".", true}}),
	})
	w.sees("that it has all", func(o []session.VPNOther, c []session.VPNConflict) bool {
		return len(o) == 1 && o[0].AllNames && o[0].Domains == nil && slices.ContainsFunc(c, func(c session.VPNConflict) bool {
			return c.Feature == session.VPNLocationAwareness && c.How == session.VPNServedPlace
		})
	})
	r.conn.ReleaseName(resolve1Name)
	w.sees("nothing without it", func(o []session.VPNOther, _ []session.VPNConflict) bool { return len(o) == 1 && !o[0].AllNames })
}

// Without systemd-resolved it is resolv.conf, by which its servers are reached.
func TestResolvConf(t *testing.T) {
	root := t.TempDir()
	conf := filepath.Join(root, "etc/resolv.conf")
	if err := os.Mkdir(filepath.Dir(conf), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(conf+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(conf+".new", conf); err != nil {
			t.Fatal(err)
		}
	}
	write("nameserver 192.168.7.1\nsearch home.example\n")
	w := newWorld(t, Options{Root: root}, true)
	w.vpn("openvpn", "tun0")
	w.sees("no names", func(o []session.VPNOther, _ []session.VPNConflict) bool { return len(o) == 1 && o[0].Servers == nil })
	write("search office.example lab.example\nnameserver 10.8.0.1\nnameserver 192.168.7.1\n")
	w.sees("its names", func(o []session.VPNOther, _ []session.VPNConflict) bool {
		return len(o) == 1 && slices.Equal(o[0].Domains, []string{"office.example", "lab.example"}) && o[0].AllNames && slices.Equal(o[0].Servers, []netip.Addr{netip.MustParseAddr("10.8.0.1")})
	})
	write("nameserver 127.0.0.53\n")
	w.sees("no names any more", func(o []session.VPNOther, _ []session.VPNConflict) bool { return len(o) == 1 && o[0].Servers == nil })
}
