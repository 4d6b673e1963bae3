package sense

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// decoded is a link as the kernel would tell of it (RTM_NEWLINK).
func decoded(t *testing.T, name, kind string, hardware uint16, more ...*nl.RtAttr) netlink.Link {
	t.Helper()
	m := nl.NewIfInfomsg(unix.AF_UNSPEC)
	m.Type, m.Index, m.Flags = hardware, 9, unix.IFF_UP|unix.IFF_RUNNING
	b := m.Serialize()
	b = append(b, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)).Serialize()...)
	if kind != "" {
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(nl.IFLA_INFO_KIND, nl.ZeroTerminated(kind))
		b = append(b, info.Serialize()...)
	}
	for _, a := range more {
		b = append(b, a.Serialize()...)
	}
	l, err := netlink.LinkDeserialize(&unix.NlMsghdr{Type: unix.RTM_NEWLINK}, b)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Kinds of links that not every kernel has.
func TestKinds(t *testing.T) {
	const parent = 56 // IFLA_PARENT_DEV_NAME
	usb := nl.NewRtAttr(parent, nl.ZeroTerminated("1-4:1.2"))
	bridged := nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(4))
	ether := []route{{to: netip.MustParsePrefix("0.0.0.0/0"), link: 2, gateway: netip.MustParseAddr("192.168.7.1")}}
	onward := []route{{to: netip.MustParsePrefix("10.0.0.0/8"), link: 9, gateway: netip.MustParseAddr("10.8.0.1")}}
	for _, tt := range []struct {
		name, device, kind string
		hardware           uint16
		more               []*nl.RtAttr
		routes             []route
		want               bool
	}{
		{"WireGuard", "wg0", "wireguard", unix.ARPHRD_NONE, nil, nil, true},
		{"a fork of it", "awg0", "amneziawg", unix.ARPHRD_NONE, nil, nil, true},
		{"OpenVPN in the kernel", "ovpn0", "ovpn", unix.ARPHRD_NONE, nil, nil, true},
		{"a TUN", "tun0", "tun", unix.ARPHRD_NONE, nil, nil, true},
		{"xfrm", "ipsec0", "xfrm", unix.ARPHRD_NONE, nil, nil, true},
		{"vti", "vti0", "vti", unix.ARPHRD_TUNNEL, nil, nil, true},
		{"vti6", "vti1", "vti6", unix.ARPHRD_TUNNEL6, nil, nil, true},
		{"PPP beside a network", "ppp0", "ppp", unix.ARPHRD_PPP, nil, ether, true},
		{"PPP without a kind", "ppp0", "", unix.ARPHRD_PPP, nil, ether, true},
		{"a line that is dialled", "ppp0", "ppp", unix.ARPHRD_PPP, nil, nil, false},
		{"a tunnel without a kind", "cscotun0", "", unix.ARPHRD_NONE, nil, nil, true},
		{"a modem", "wwan0", "", unix.ARPHRD_NONE, []*nl.RtAttr{usb}, nil, false},
		{"a modem with a kind", "wwan0", "wwan", unix.ARPHRD_NONE, nil, nil, false},
		{"a tap that leads on", "tap0", "tun", unix.ARPHRD_ETHER, nil, onward, true},
		{"a virtual machine's tap", "tap0", "tun", unix.ARPHRD_ETHER, nil, nil, false},
		{"one that is a bridge's", "tap0", "tun", unix.ARPHRD_ETHER, []*nl.RtAttr{bridged}, onward, false},
		{"Ethernet", "eth0", "", unix.ARPHRD_ETHER, nil, onward, false},
		{"a bridge", "docker0", "bridge", unix.ARPHRD_ETHER, nil, onward, false},
		{"a container's", "veth12", "veth", unix.ARPHRD_ETHER, nil, onward, false},
		{"a cluster's WireGuard", "cilium_wg0", "wireguard", unix.ARPHRD_NONE, nil, nil, false},
		{"another cluster's", "wireguard.cali", "wireguard", unix.ARPHRD_NONE, nil, nil, false},
		{"a cluster's tunnel", "flannel.1", "vxlan", unix.ARPHRD_ETHER, nil, onward, false},
		{"IPv6 within IPv4", "sit0", "sit", unix.ARPHRD_SIT, nil, nil, false},
		{"loopback", "lo", "", unix.ARPHRD_LOOPBACK, nil, nil, false},
		{"a dummy", "dummy0", "dummy", unix.ARPHRD_ETHER, nil, onward, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := []netip.Prefix{netip.MustParsePrefix("10.8.0.6/24")}
			l := linkOf(decoded(t, tt.device, tt.kind, tt.hardware, tt.more...), at)
			p := picture{links: []link{{index: 2, name: "eth0", encap: "ether", up: true}, l}, routes: tt.routes}
			k := knowledge{picture: p, ignore: func(string) bool { return false }}
			if got := k.vpn(p, l); got != tt.want {
				t.Errorf("%+v: %v", l, got)
			}
			l.addresses = nil
			if k.vpn(p, l) {
				t.Error("it has no address, and is a VPN")
			}
			p.routes = slices.Concat(p.routes, onward, []route{{to: netip.MustParsePrefix("ff00::/8"), link: 9}})
			if want := strings.HasPrefix(tt.kind, "xfrm") || strings.HasPrefix(tt.kind, "vti"); k.vpn(p, l) != want {
				t.Errorf("it has no address, and leads somewhere: %v", !want)
			}
		})
	}
}

// Whose a device is, where nobody tells who holds it.
func TestPrograms(t *testing.T) {
	tun := link{index: 9, name: "tun0", kind: "tun", encap: "none", up: true, addresses: []netip.Prefix{netip.MustParsePrefix("10.8.0.6/24")}}
	named := func(name, kind string) link {
		l := tun
		l.name, l.kind = name, kind
		return l
	}
	for _, tt := range []struct {
		name     string
		l        link
		holders  map[string]string
		programs []program
		want     string
	}{
		{"nothing is known", tun, nil, nil, ""},
		{"one's own", tun, map[string]string{"tun0": "/opt/x/vpnd"}, nil, "vpnd"},
		{"a vendor's", tun, map[string]string{"tun0": "/opt/pulsesecure/bin/pulsesvc"}, nil, "Ivanti Secure Access"},
		{"WireGuard", named("wg0", "wireguard"), nil, nil, "WireGuard"},
		{"somebody's WireGuard", named("nordlynx", "wireguard"), nil, []program{{"nordvpnd", 7}}, "NordVPN"},
		{"by the device's name", named("cscotun0", "tun"), nil, []program{{"openvpn", 6}, {"vpnagentd", 7}}, "Cisco Secure Client"},
		{"the only one", named("custom", "tun"), nil, []program{{"openvpn", 6}}, "openvpn"},
		{"one of two", named("custom", "tun"), nil, []program{{"openvpn", 6}, {"vpnc", 7}}, ""},
		{"PPP", named("ppp0", "ppp"), nil, []program{{"openfortivpn", 6}}, "openfortivpn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := knowledge{picture: picture{links: []link{tt.l}, holders: tt.holders, programs: tt.programs}, ignore: func(string) bool { return false }}
			if got := k.program(tt.l); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("nameserver 10.8.0.1\nnameserver fe80::1%eth0\nsearch corp.example example.org\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		servers, search := parse(b)
		for _, s := range servers {
			if !s.IsValid() || s.Zone() != "" {
				t.Errorf("%v", s)
			}
		}
		var n names
		for _, d := range search {
			n.add(d)
		}
		if len(n.domains) > mostDomains || slices.Contains(n.domains, "") {
			t.Errorf("%q", n.domains)
		}
	})
}
