//go:build linux

package physical

import (
	"strings"
	"testing"
)

// tables is what there is of ours, and of others' rules.
func (l *lab) tables() string {
	l.t.Helper()
	return l.ip("rule") + l.ip("-6 rule") + l.ip("route show table 5254") + l.ip("-6 route show table 5254")
}

// has holds the tables against what is to be in them, and what is not.
func (l *lab) has(when, lines string) {
	l.t.Helper()
	got := l.tables()
	for line := range strings.SplitSeq(lines, "; ") {
		without, no := strings.CutPrefix(line, "no ")
		if strings.Contains(got, without) == no {
			l.t.Errorf("%s: want %q in\n%s", when, line, got)
		}
	}
}

// A router's address of the link alone leads as any other does, whatever a VPN does
// to the default route.
func TestLinkLocal(t *testing.T) {
	l := newLab(t)
	l.ip("-6 route replace default via fe80::1 dev phys0 metric 100", "-6 route del default via fd00:7::1 dev phys0")
	l.keep("phys0")
	l.has("by the router", "default via fe80::1 dev phys0; no fd00:7::1")
	l.vpn()
	l.ip("-6 route del default via fe80::1 dev phys0")
	l.keep("phys0")
	l.has("beside a VPN", "default via fe80::1 dev phys0; default via 192.168.7.1 dev phys0")
	l.ip("link del vpn0", "-6 route add default via fe80::2 dev phys0", "route add default via 192.168.7.1 dev phys0")
	l.keep("phys0")
	l.has("by another router", "default via fe80::2 dev phys0; no fe80::1 ")
	// IPv6 alone is a network, too.
	l.ip("route del default", "addr del 192.168.7.2/24 dev phys0")
	l.keep("phys0")
	l.has("without IPv4", "default via fe80::2 dev phys0; no 192.168.7")
}

// A VPN that leads everything by halves, or leaves only the way to its own server,
// changes nothing.
func TestHalves(t *testing.T) {
	l := newLab(t)
	l.keep("phys0")
	l.ip("tuntap add vpn0 mode tun", "addr add 10.60.0.2/24 dev vpn0", "link set vpn0 up",
		"route add 198.51.100.9/32 via 192.168.7.1 dev phys0", "route add 0.0.0.0/1 dev vpn0", "route add 128.0.0.0/1 dev vpn0")
	l.keep("phys0")
	l.has("by halves", "default via 192.168.7.1 dev phys0; no vpn0")
	l.ip("route del default")
	l.keep("phys0")
	l.has("without a default route", "default via 192.168.7.1 dev phys0; no vpn0")
	if !l.reaches(sure) {
		t.Errorf("nobody is reached:\n%s", l.tables())
	}
}

// The better of two adapters is taken, the other when that has gone, and the rules
// of others stay as they are.
func TestTwoAdapters(t *testing.T) {
	l := newLab(t)
	l.ip("link add wlan0 type veth peer name wlan1", "link set wlan0 up", "link set wlan1 up", "addr add 192.168.8.2/24 dev wlan0",
		"route del default", "route add default via 192.168.7.1 dev phys0 metric 100", "route add default via 192.168.8.1 dev wlan0 metric 600",
		"rule add pref 5202 from all fwmark 7 lookup 100", "rule add pref 5203 from all oif phys0 lookup 101", "rule add pref 6000 from all fwmark 8 lookup 5254")
	const others = "from all fwmark 0x7 lookup 100; from all oif phys0 lookup 101; from all fwmark 0x8 lookup 5254"
	l.keep("phys0")
	l.has("by cable", "5202:	from all oif phys0 lookup 5254; default via 192.168.7.1 dev phys0 metric 100; no wlan0; "+others)
	l.ip("link set phys0 down")
	l.keep("wlan0")
	l.has("by air", "5202:	from all oif wlan0 lookup 5254; default via 192.168.8.1 dev wlan0 metric 600; no default via 192.168.7.1; no oif phys0 lookup 5254; "+others)
	l.ip("link set phys0 up", "route add default via 192.168.7.254 dev phys0 metric 100")
	l.keep("phys0")
	l.has("by cable again", "5202:	from all oif phys0 lookup 5254; default via 192.168.7.254 dev phys0 metric 100; no wlan0; "+others)
	if err := l.machine.Do(l.table.Remove); err != nil {
		t.Fatal(err)
	}
	l.has("afterwards", "no lookup 5254\n5202; no oif phys0 lookup 5254; no default via; "+others)
}
