package hook

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// reader takes an Event out of what was said.
type reader struct {
	said map[string]string
	ev   *Event
}

// addresses reads the server's, and this machine's in the VPN.
func (r reader) addresses() error {
	server, err := netip.ParseAddr(strings.Trim(r.said["VPNGATEWAY"], "[]"))
	if err != nil || !usable(server.Unmap()) {
		return fmt.Errorf("openconnect does not say where the server is")
	}
	r.ev.VPN.Server = server.Unmap()
	for _, family := range []string{"4", "6"} {
		p, ok, err := r.address(family)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		r.ev.Addresses = append(r.ev.Addresses, p)
		r.ev.VPN.Addresses = append(r.ev.VPN.Addresses, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
	}
	if len(r.ev.Addresses) == 0 {
		return fmt.Errorf("the server has given this machine no address")
	}
	return nil
}

// address reads that of one family. That of IPv6 comes with its length in either of
// two names.
func (r reader) address(family string) (p netip.Prefix, ok bool, err error) {
	said, mask := r.said["INTERNAL_IP"+family+"_ADDRESS"], r.said["INTERNAL_IP6_NETMASK"]
	if family == "4" {
		mask = r.said["INTERNAL_IP4_NETMASKLEN"]
	} else if said == "" {
		said, _, _ = strings.Cut(mask, "/")
	}
	if said == "" {
		return p, false, nil
	}
	if a, bits, found := strings.Cut(said, "/"); found {
		said, mask = a, bits
	} else if _, bits, found := strings.Cut(mask, "/"); found {
		mask = bits
	}
	a, err := netip.ParseAddr(said)
	if err != nil || a.Is4() != (family == "4") || a.Is4In6() || !usable(a) {
		return p, false, fmt.Errorf("the server has given this machine an address that is none, %.60q", said)
	}
	bits := a.BitLen()
	if mask == "" && family == "4" {
		mask = length(r.said["INTERNAL_IP4_NETMASK"])
	}
	if mask != "" {
		if bits, err = strconv.Atoi(mask); err != nil || bits < 1 || bits > a.BitLen() {
			return p, false, fmt.Errorf("the server has given this machine an address in no network, %.60q", said+"/"+mask)
		}
	}
	return netip.PrefixFrom(a, bits), true, nil
}

// length is that of a mask in dots; empty: it is none.
func length(mask string) string {
	a, err := netip.ParseAddr(mask)
	if err != nil || !a.Is4() {
		return ""
	}
	ones, bits := net.IPMask(a.AsSlice()).Size()
	if bits == 0 {
		return ""
	}
	return strconv.Itoa(ones)
}

// size reads that of packets.
func (r reader) size() error {
	r.ev.VPN.MTU = defaultMTU
	if said := r.said["INTERNAL_IP4_MTU"]; said != "" {
		n, err := strconv.Atoi(said)
		if err != nil || n < protocol.MinVPNMTU || n > protocol.MaxVPNMTU {
			return fmt.Errorf("the server wants packets of %.20q bytes", said)
		}
		r.ev.VPN.MTU = n
	}
	return nil
}

// networks reads which lead to the VPN, as vpnc-script does: without a list, all of a
// family that has an address.
func (r reader) networks() error {
	v := &r.ev.VPN
	for _, p := range r.ev.Addresses {
		family, all := "CISCO_", netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if p.Addr().Is6() {
			family, all = "CISCO_IPV6_", netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		in, split, err := r.list(family+"SPLIT_INC", p.Addr().Is6())
		if err != nil {
			return err
		}
		if !split {
			in = []netip.Prefix{all}
		}
		if !p.IsSingleIP() {
			in = append(in, p.Masked())
		}
		out, _, err := r.list(family+"SPLIT_EXC", p.Addr().Is6())
		if err != nil {
			return err
		}
		v.Routes, v.Exclude = append(v.Routes, in...), append(v.Exclude, out...)
	}
	v.Routes, v.Exclude = unique(v.Routes), unique(v.Exclude)
	r.trim()
	return nil
}

// list reads a list of networks; given: there is one.
func (r reader) list(name string, six bool) (list []netip.Prefix, given bool, err error) {
	count := r.said[name]
	if count == "" {
		return nil, false, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > len(r.said) {
		return nil, false, fmt.Errorf("openconnect says %.20q networks and tells fewer", count)
	}
	for i := range n {
		at := name + "_" + strconv.Itoa(i)
		addr, bits := r.said[at+"_ADDR"], r.said[at+"_MASKLEN"]
		if bits == "" && !six {
			bits = length(r.said[at+"_MASK"])
		}
		p, err := netip.ParsePrefix(addr + "/" + bits)
		if err != nil || p.Addr().Is6() != six || p.Addr().Is4In6() {
			return nil, false, fmt.Errorf("the server names a network that is none, %.60q", addr+"/"+bits)
		}
		if p.IsSingleIP() && p.Addr().IsUnspecified() {
			continue // a server's way to mean the networks that the machine is in: they stay
		}
		list = append(list, p.Masked())
	}
	return list, true, nil
}

// trim leaves out what a message has no room for, but for the servers of names.
func (r reader) trim() {
	v := &r.ev.VPN
	v.Exclude = r.fit(v.Exclude, protocol.MaxVPNRoutes/4)
	v.Routes = r.fit(v.Routes, protocol.MaxVPNRoutes-protocol.MaxVPNServers-len(v.Exclude))
}

func (r reader) fit(list []netip.Prefix, room int) []netip.Prefix {
	if len(list) <= room {
		return list
	}
	for _, p := range list[room:] {
		r.left(p.String())
	}
	return list[:room]
}

func (r reader) left(what string) {
	r.ev.Left = append(r.ev.Left, session.VPNLeft{What: what, Why: session.VPNLeftFull})
}

func unique(list []netip.Prefix) []netip.Prefix {
	seen := map[netip.Prefix]bool{}
	return slices.DeleteFunc(list, func(p netip.Prefix) bool {
		was := seen[p]
		seen[p] = true
		return was
	})
}

// usable says whether somebody may be there.
func usable(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback()
}
