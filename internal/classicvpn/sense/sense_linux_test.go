package sense

import (
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/session"
)

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// A VPN of others comes, has routes, takes everything, and goes.
func TestOthers(t *testing.T) {
	for _, helper := range []bool{true, false} {
		name := "without a helper"
		if helper {
			name = "with the helper"
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{}, helper)
			w.sees("nothing", func(o []session.VPNOther, c []session.VPNConflict) bool { return len(o)+len(c) == 0 })
			cmd := w.vpn("openvpn", "tun0")
			w.ip("route add 10.20.0.0/16 dev tun0")
			want := session.VPNOther{Program: "openvpn"}
			want.Adapter, want.Addresses, want.Routes = "tun0", prefixes("10.8.0.6/24"), prefixes("10.8.0.0/24", "10.20.0.0/16")
			is := func(what string) {
				t.Helper()
				w.sees(what, func(o []session.VPNOther, _ []session.VPNConflict) bool {
					return len(o) == 1 && o[0].Program == want.Program && o[0].Full4 == want.Full4 && o[0].Full6 == want.Full6 && slices.Equal(o[0].Routes, want.Routes) && slices.Equal(o[0].Addresses, want.Addresses)
				})
				w.mu.Lock()
				defer w.mu.Unlock()
				same(t, w.others, []session.VPNOther{want})
			}
			is("split")
			w.ip("route add 0.0.0.0/1 dev tun0")
			w.ip("route add 128.0.0.0/1 dev tun0")
			want.Full4 = true
			is("full, by halves")
			w.ip("addr add fd00:8::6/64 dev tun0 nodad")
			w.ip("route add default via fd00:8::1 dev tun0 metric 1")
			want.Full6, want.Addresses, want.Routes = true, append(want.Addresses, prefixes("fd00:8::6/64")...), append(want.Routes, prefixes("fd00:8::/64")...)
			is("of IPv6, too")
			w.ip("link set tun0 down")
			w.sees("that it is down", func(o []session.VPNOther, _ []session.VPNConflict) bool { return o == nil })
			w.ip("link set tun0 up")
			want.Full4, want.Full6, want.Addresses, want.Routes = false, false, prefixes("10.8.0.6/24"), prefixes("10.8.0.0/24")
			is("that it is up again")
			cmd.Process.Kill()
			w.sees("that it has gone", func(o []session.VPNOther, _ []session.VPNConflict) bool { return o == nil })
		})
	}
}

// Devices of ours, containers' and others' are no VPNs.
func TestNoVPNs(t *testing.T) {
	w := newWorld(t, Options{Ignore: func(d string) bool { return d == "tun8" }}, true)
	w.ip("link add docker0 type bridge")
	w.ip("addr add 172.17.0.1/16 dev docker0")
	w.ip("link set docker0 up")
	w.ip("link add veth1 type veth peer name veth2")
	w.ip("addr add 172.18.0.1/16 dev veth1")
	w.ip("link set veth1 up")
	for _, d := range []string{"tide1000", "tidev1000", "tun8", "tun9"} { // tun9 has no address
		w.program("openvpn", "hold "+d)
		w.ip("link set " + d + " up")
	}
	w.ip("addr add 100.96.255.1/32 dev tide1000")
	w.ip("addr add 10.8.0.6/24 dev tidev1000")
	w.ip("addr add 10.9.0.6/24 dev tun8")
	w.ip("tuntap add tap0 mode tap") // a virtual machine's
	w.ip("addr add 10.99.0.1/24 dev tap0")
	w.ip("link set tap0 up")
	w.vpn("openvpn", "tun7")
	w.sees("the one that is", func(o []session.VPNOther, _ []session.VPNConflict) bool { return len(o) == 1 && o[0].Adapter == "tun7" })
	w.ip("route add 10.98.0.0/16 via 10.99.0.9 dev tap0")
	w.sees("that a tap leads on", func(o []session.VPNOther, _ []session.VPNConflict) bool {
		return len(o) == 2 && slices.ContainsFunc(o, func(o session.VPNOther) bool { return o.Adapter == "tap0" })
	})
}

const drop = "table inet vpn {\nchain output {\ntype filter hook output priority filter; policy drop;\noifname { lo, tun0 } accept\n}\n}\n"

// A firewall that lets out by the VPN alone is told, with the VPN and without.
func TestTrafficEnforcement(t *testing.T) {
	w := newWorld(t, Options{}, true)
	w.sense.Guard(session.VPNGuard{Underlay: []string{"203.0.113.7:443", "203.0.113.8:443"}})
	w.vpn("openvpn", "tun0")
	w.is("nothing")
	w.nft(drop)
	const by = "nftables: chain output of table inet vpn drops what does not leave by tun0"
	w.is("that nothing else is let out", session.VPNConflict{Feature: session.VPNTrafficEnforcement, Program: "openvpn", Adapter: "tun0", Evidence: by, Harm: session.VPNHarmAll})
	w.ip("route add 0.0.0.0/1 dev tun0")
	w.ip("route add 128.0.0.0/1 dev tun0")
	w.ip("addr add fd00:8::6/64 dev tun0 nodad")
	w.ip("route add default via fd00:8::1 dev tun0 metric 1")
	around := session.VPNConflict{Feature: session.VPNTrafficEnforcement, Program: "openvpn", Adapter: "tun0", Evidence: by, Harm: session.VPNHarmUnderlay, How: session.VPNServedAround}
	w.is("that the gateways are reached through it", around)
	w.program("other", "hold tide1000") // what leaves by our device is dropped, too
	w.ip("addr add 100.96.255.1/32 dev tide1000")
	w.ip("link set tide1000 up")
	w.is("that applications are not", session.VPNConflict{Feature: session.VPNTrafficEnforcement, Program: "openvpn", Adapter: "tun0", Evidence: by, Harm: session.VPNHarmDevice, Device: "tide1000"})
	w.nft("insert rule inet vpn output ip daddr { 203.0.113.7, 203.0.113.8 } accept\n")
	w.is("that they are not, though gateways are let out to", session.VPNConflict{Feature: session.VPNTrafficEnforcement, Program: "openvpn", Adapter: "tun0", Evidence: by, Harm: session.VPNHarmDevice, Device: "tide1000"})
	w.nft("delete table inet vpn\n" + drop)
	w.nft("insert rule inet vpn output oifname tide1000 accept\n")
	w.is("that they are", session.VPNConflict{Feature: session.VPNTrafficEnforcement, Program: "openvpn", Adapter: "tun0",
		Evidence: "nftables: chain output of table inet vpn drops what does not leave by tide1000, tun0", Harm: session.VPNHarmUnderlay, How: session.VPNServedAround})
	w.nft("insert rule inet vpn output ip daddr { 203.0.113.7, 203.0.113.8 } accept\n")
	w.is("that gateways are let out to")
	w.nft("delete table inet vpn\n")
	w.is("its end")
}

// The same without a VPN is a lock-down.
func TestAlwaysOn(t *testing.T) {
	w := newWorld(t, Options{}, true)
	w.is("nothing")
	w.nft(drop)
	all := session.VPNConflict{Feature: session.VPNAlwaysOn, Evidence: "nftables: chain output of table inet vpn drops what goes out", Harm: session.VPNHarmAll}
	w.is("that nothing is let out", all)
	cmd := w.vpn("openvpn", "tun0")
	w.sees("that it is the VPN's", func(_ []session.VPNOther, c []session.VPNConflict) bool {
		return len(c) == 1 && c[0].Feature == session.VPNTrafficEnforcement && c[0].Adapter == "tun0" && c[0].Program == "openvpn"
	})
	cmd.Process.Kill()
	w.is("that it is a lock-down again", all)
	w.nft("delete table inet vpn\n")
	w.is("its end")
}

// Without a helper it is seen by what is not let out.
func TestSymptom(t *testing.T) {
	w := newWorld(t, Options{}, false)
	w.is("nothing")
	w.nft(drop)
	w.sense.Guard(session.VPNGuard{Underlay: []string{"203.0.113.7:443"}}) // no news of a firewall comes to users
	const why = "a datagram by eth0 to 203.0.113.7 is not let out: operation not permitted; which rule it is cannot be seen without Tidegate's helper"
	w.is("that nothing is let out", session.VPNConflict{Feature: session.VPNAlwaysOn, Evidence: why, Harm: session.VPNHarmAll})
	w.vpn("openvpn", "tun0")
	w.is("that a VPN is there", session.VPNConflict{Feature: session.VPNTrafficEnforcement, Program: "openvpn", Adapter: "tun0", Evidence: why, Harm: session.VPNHarmAll})
	w.nft("insert rule inet vpn output ip daddr 203.0.113.7 accept\n")
	w.ip("route add 10.20.0.0/16 dev tun0")
	w.is("that the gateway is let out to")
}

// IPv6 is refused, goes around the VPN, or nowhere.
func TestIPv6(t *testing.T) {
	w := newWorld(t, Options{}, true)
	w.vpn("openvpn", "tun0")
	w.is("nothing")
	conflict := func(evidence string, harm session.VPNHarm, how session.VPNServed) session.VPNConflict {
		return session.VPNConflict{Feature: session.VPNIPv6, Program: "openvpn", Adapter: "tun0", Evidence: evidence, Harm: harm, How: how}
	}
	for _, kind := range []struct{ word, said string }{{"blackhole", "a blackhole"}, {"unreachable", "unreachable"}, {"prohibit", "prohibited"}} {
		w.run("", "ip", "-6", "route", "add", kind.word, "default", "metric", "1")
		w.is(kind.word, conflict("the way of IPv6 to everywhere is "+kind.said, session.VPNHarmNone, session.VPNServedIPv4))
		w.run("", "ip", "-6", "route", "del", kind.word, "default", "metric", "1")
		w.is("its end")
	}
	w.ip("route add 0.0.0.0/1 dev tun0")
	w.ip("route add 128.0.0.0/1 dev tun0")
	w.is("around the VPN", conflict("IPv4 leaves by tun0, and IPv6 by eth0", session.VPNHarmLeak, session.VPNServedNot))
	w.ip("route del default via fd00:7::1 dev eth0 metric 100")
	w.is("nowhere, and nobody asks for it")
	w.sense.Guard(session.VPNGuard{IPv6: true})
	w.is("nowhere", conflict("IPv4 leaves by tun0, and IPv6 leaves nowhere", session.VPNHarmNone, session.VPNServedIPv4))
	w.program("other", "hold tide1000")
	w.ip("addr add 100.96.255.1/32 dev tide1000")
	w.ip("link set tide1000 up")
	w.is("our device has none", conflict("IPv4 leaves by tun0, and IPv6 leaves nowhere", session.VPNHarmIPv6, session.VPNServedNot))
	w.ip("addr add fd54:6964:6567:ffff::1/128 dev tide1000 nodad")
	w.is("our device has it", conflict("IPv4 leaves by tun0, and IPv6 leaves nowhere", session.VPNHarmNone, session.VPNServedIPv4))
	w.ip("addr add fd00:8::6/64 dev tun0 nodad")
	w.ip("route add default via fd00:8::1 dev tun0 metric 1")
	w.is("through the VPN")
	w.nft("table ip6 six {\nchain o {\ntype filter hook output priority filter; policy drop;\noifname lo accept\n}\n}\n")
	w.is("dropped, to our device too", conflict("nftables: chain o of table ip6 six drops what goes out", session.VPNHarmIPv6, session.VPNServedNot))
	w.nft("insert rule ip6 six o oifname tide1000 accept\n")
	w.is("dropped but for our device", conflict("nftables: chain o of table ip6 six drops what does not leave by tide1000", session.VPNHarmNone, session.VPNServedIPv4))
	w.nft("delete table ip6 six\n")
	w.is("its end")
	w.run("", "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")
	w.is("switched off", conflict("IPv6 is switched off (net.ipv6.conf.all.disable_ipv6)", session.VPNHarmIPv6, session.VPNServedNot))
}

// A known program is told of, by what it may be set up to do.
func TestVendor(t *testing.T) {
	w := newWorld(t, Options{}, true)
	w.sense.Guard(session.VPNGuard{Zones: []string{"corp.example"}})
	cmd := w.vpn("pulsesvc", "tun0")
	is := func(what string, stealth bool) {
		t.Helper()
		w.sees(what, func(o []session.VPNOther, c []session.VPNConflict) bool {
			has := func(f session.VPNFeature, how session.VPNServed) bool {
				return slices.ContainsFunc(c, func(c session.VPNConflict) bool {
					return c.Feature == f && c.Program == "Ivanti Secure Access" && c.Adapter == "tun0" && c.How == how && c.Harm == "" && !c.Ahead
				})
			}
			return len(o) == 1 && o[0].Program == "Ivanti Secure Access" && has(session.VPNLocationAwareness, session.VPNServedPlace) && has(session.VPNStealthMode, session.VPNServedNot) == stealth
		})
	}
	is("its service alone", true)
	ui := w.program("pulseUI", "idle")
	w.ip("route add 10.20.0.0/16 dev tun0") // programs are looked at when something happens
	is("its window, too", false)
	ui.Process.Signal(syscall.SIGKILL)
	ui.Wait()
	w.ip("route add 10.21.0.0/16 dev tun0")
	is("its window has gone", true)
	cmd.Process.Kill()
	cmd.Wait()
	w.is("its end")
}

// The user's own VPN is no other, and what it does is its connection's.
func TestOwn(t *testing.T) {
	w := newWorld(t, Options{}, true)
	w.vpn("openconnect", "tidev1000")
	w.sees("nobody's", func(o []session.VPNOther, c []session.VPNConflict) bool { return len(o)+len(c) == 0 })
	w.ip("route add 0.0.0.0/1 dev tidev1000")
	w.ip("route add 128.0.0.0/1 dev tidev1000")
	w.sense.Own("tidev1000", "office")
	leak := session.VPNConflict{Feature: session.VPNIPv6, Connection: "office", Adapter: "tidev1000", Evidence: "IPv4 leaves by tidev1000, and IPv6 by eth0", Harm: session.VPNHarmLeak}
	w.is("its leak", leak)
	w.sees("no other", func(o []session.VPNOther, _ []session.VPNConflict) bool { return o == nil })
	w.sense.Own("tidev1000", "")
	w.is("its end")
}
