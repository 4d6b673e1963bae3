//go:build linux

package physical

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

var (
	gateway = netip.MustParseAddr("192.168.7.1")
	far     = netip.MustParseAddr("198.51.100.53") // behind the gateway
)

// lab is a machine with an Ethernet and a VPN that can take everything.
type lab struct {
	t            *testing.T
	machine, net *netlab.Space
	table        *Table
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, table: New(Options{Number: 5254, Priority: 5202})}
	for _, s := range []**netlab.Space{&l.machine, &l.net} {
		made, err := netlab.NewSpace()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { made.Close() })
		*s = made
	}
	if err := netlab.Connect(netlab.Wire{Space: l.machine, Name: "phys0", Address: netip.MustParsePrefix("192.168.7.2/24")},
		netlab.Wire{Space: l.net, Name: "far", Address: netip.PrefixFrom(gateway, 24)}); err != nil {
		t.Fatal(err)
	}
	if err := l.net.Address("lo", netip.PrefixFrom(far, 32), true); err != nil {
		t.Fatal(err)
	}
	l.ip("-6 addr add fd00:7::2/64 dev phys0 nodad", "route add default via 192.168.7.1 dev phys0", "-6 route add default via fd00:7::1 dev phys0")
	return l
}

// ip runs iproute2 in the machine's network.
func (l *lab) ip(lines ...string) (out string) {
	l.t.Helper()
	for _, line := range lines {
		err := l.machine.Do(func() error {
			b, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
			out = string(b)
			return err
		})
		if err != nil {
			l.t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
	return out
}

func (l *lab) keep(want string) {
	l.t.Helper()
	if err := l.machine.Do(func() error {
		got, err := l.table.Keep()
		if got != want {
			l.t.Errorf("the adapter is %q, want %q", got, want)
		}
		return err
	}); err != nil {
		l.t.Fatal(err)
	}
}

// So often, and as long, an answer from far is waited for: where one is to come, and
// where none is.
const (
	sure  = 30
	brief = 2
)

// reaches says whether a socket bound to the adapter has an answer from far to one of
// some questions.
func (l *lab) reaches(times int) bool {
	l.t.Helper()
	var echo, c net.PacketConn
	if err := l.net.Do(func() (err error) {
		echo, err = net.ListenPacket("udp4", netip.AddrPortFrom(far, 53).String())
		return err
	}); err != nil {
		l.t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		b := make([]byte, 10)
		for {
			n, from, err := echo.ReadFrom(b)
			if err != nil {
				return
			}
			echo.WriteTo(b[:n], from)
		}
	}()
	if err := l.machine.Do(func() (err error) {
		if c, err = net.ListenPacket("udp4", ""); err != nil {
			return err
		}
		raw, err := c.(*net.UDPConn).SyscallConn()
		if err != nil {
			return err
		}
		return raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), "phys0") })
	}); err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	for range times {
		if _, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.AddrPortFrom(far, 53))); err != nil {
			return false
		}
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, _, err := c.ReadFrom(make([]byte, 10)); err == nil {
			return true
		}
	}
	return false
}

// vpn does what vpnc-script does: everything goes to the VPN, and the default
// route of the machine is gone.
func (l *lab) vpn() {
	l.t.Helper()
	l.ip("tuntap add vpn0 mode tun", "addr add 10.60.0.2/24 dev vpn0", "link set vpn0 up",
		"route replace default dev vpn0", "-6 route replace default dev vpn0")
}

// A socket that is bound to the adapter finds its way whatever a VPN does.
func TestKeep(t *testing.T) {
	l := newLab(t)
	if !l.reaches(sure) {
		t.Fatal("the lab leads nowhere")
	}
	l.keep("phys0")
	state := func() string {
		return l.ip("rule") + l.ip("-6 rule") + l.ip("route show table 5254") + l.ip("-6 route show table 5254")
	}
	whole := state()
	for _, want := range []string{"5202:	from all oif phys0 lookup 5254", "default via 192.168.7.1 dev phys0", "192.168.7.0/24 dev phys0", "default via fd00:7::1 dev phys0"} {
		if !strings.Contains(whole, want) {
			t.Errorf("%q is not in\n%s", want, whole)
		}
	}
	l.keep("phys0")
	if again := state(); again != whole {
		t.Errorf("again:\n%s\nand first\n%s", again, whole)
	}
	l.vpn()
	l.keep("phys0")
	if !l.reaches(sure) {
		t.Errorf("beside a VPN nobody is reached:\n%s", state())
	}
	if got := state(); !strings.Contains(got, "default via fd00:7::1 dev phys0") {
		t.Errorf("IPv6's gateway is forgotten:\n%s", got)
	}
	l.table = New(l.table.o) // the next start
	l.keep("phys0")
	if !l.reaches(sure) {
		t.Errorf("after a start beside a VPN nobody is reached:\n%s", state())
	}
	// Who removes a rule has it put back.
	l.ip("rule del pref 5202")
	l.keep("phys0")
	if !l.reaches(sure) {
		t.Errorf("without the rule:\n%s", state())
	}
	// Strictly, the kernel drops what comes back by the adapter.
	for value, want := range map[string]bool{"0": false, "1": true, "2": false} {
		if err := l.machine.Sysctl("ipv4/conf/phys0/rp_filter", value); err != nil {
			t.Fatal(err)
		}
		if err := l.machine.Sysctl("ipv4/conf/all/rp_filter", "0"); err != nil {
			t.Fatal(err)
		}
		if err := l.machine.Do(func() error {
			if got := Filtered("phys0", far); got != want {
				t.Errorf("with rp_filter %s: filtered is %v", value, got)
			}
			if Filtered("phys0", gateway) || Filtered("phys0", netip.MustParseAddr("127.0.0.53")) || Filtered("", far) || Filtered("none", far) {
				t.Errorf("with rp_filter %s: others are filtered too", value)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		times := sure
		if want {
			times = brief
		}
		if got := l.reaches(times); got == want {
			t.Errorf("with rp_filter %s: reached is %v", value, got)
		}
	}
	l.machine.Sysctl("ipv4/conf/phys0/rp_filter", "0")
	// The VPN goes, with all routes; the network comes again by another gateway.
	l.ip("link del vpn0", "route add default via 192.168.7.254 dev phys0")
	l.keep("phys0")
	if got := state(); !strings.Contains(got, "default via 192.168.7.254") || strings.Contains(got, "via 192.168.7.1 ") {
		t.Errorf("another gateway:\n%s", got)
	}
	l.ip("link set phys0 down")
	l.keep("")
	if got := state(); strings.Contains(got, "5254") || strings.Contains(got, "phys0") {
		t.Errorf("without an adapter:\n%s", got)
	}
	l.ip("link set phys0 up", "route add default via 192.168.7.1 dev phys0")
	l.keep("phys0")
	if err := l.machine.Do(l.table.Remove); err != nil {
		t.Fatal(err)
	}
	if got := state(); strings.Contains(got, "5254") || strings.Contains(got, "phys0") {
		t.Errorf("left behind:\n%s", got)
	}
}

// Each change is told.
func TestWatch(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	news, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- l.machine.Do(func() error {
			return Watch(ctx, func() {
				select {
				case news <- struct{}{}:
				default:
				}
			})
		})
	}()
	told := func(what string, do func()) {
		t.Helper()
		for range 60 { // the first may come before it listens
			do()
			select {
			case <-news:
				return
			case <-time.After(time.Second):
			}
		}
		t.Errorf("%s is not told", what)
	}
	told("a route", func() { l.ip("route replace 203.0.113.0/24 via 192.168.7.1") })
	told("an address", func() { l.ip("addr add 192.168.7.3/24 dev phys0", "addr del 192.168.7.3/24 dev phys0") })
	told("a rule", func() { l.ip("rule add pref 6000 lookup main", "rule del pref 6000") })
	told("a link", func() { l.ip("link set phys0 down", "link set phys0 up") })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
