//go:build linux

package server

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// world is what a VPN is held against.
type world struct {
	here  []netip.Prefix // the networks that this machine is in
	led   []netip.Prefix // what is led to users' devices
	zones []string       // the names that come to a user's client
}

// vpnPlan is what is made of what a VPN's server wants.
type vpnPlan struct {
	Addresses []netip.Prefix // each of one address alone
	MTU       int
	Routes    []netip.Prefix // led to the device
	// Past leave by the physical adapter nevertheless, and Server nowhere else:
	// it would go round and round. Server is in Past, or invalid.
	Past   []netip.Prefix
	Server netip.Addr
	DNS    osdns.VPN
	// Left is what it does not get, or not for itself alone, and why.
	Left map[protocol.Code][]string
}

// vpnNevers are this machine, the link and groups: no VPN's.
var vpnNevers = func() (all []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
		"::/127", "::ffff:0:0/96", "fe80::/9", "ff00::/8"} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// within says whether p is one of all, or lies in one.
func within(p netip.Prefix, all []netip.Prefix) bool {
	return slices.ContainsFunc(all, func(a netip.Prefix) bool { return a.Overlaps(p) && a.Bits() <= p.Bits() })
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// vpnCode says why a VPN does not get a network; empty: it does. One that has ours
// within it is let through: ours are more specific, and come before.
func (c Config) vpnCode(p netip.Prefix, w world) protocol.Code {
	switch {
	case within(p, vpnNevers):
		return protocol.Outside
	case within(p, c.Prefixes), within(p, c.Devices), within(p, w.led):
		return protocol.Ours
	case within(p, w.here):
		return protocol.Conflict
	}
	return ""
}

// leaver notes what a VPN does not get, as far as a message has room.
type leaver struct {
	left map[protocol.Code][]string
	n    int
}

func (l *leaver) leave(why protocol.Code, what string) {
	if l.n < protocol.MaxRoutes && !slices.Contains(l.left[why], what) {
		l.n++
		l.left[why] = append(l.left[why], what)
	}
}

// vpnPlan says what is made of v. The refusal is of an address that no VPN begins with;
// one that has it keeps it when it becomes somebody else's, too.
func (c Config) vpnPlan(device string, v protocol.VPN, w world) (p vpnPlan, refusal *protocol.Refusal) {
	out := &leaver{left: map[protocol.Code][]string{}}
	p = vpnPlan{MTU: v.MTU, DNS: osdns.VPN{Device: device}, Left: out.left}
	routes := slices.Clone(v.Routes)
	var has [2]bool
	for _, a := range v.Addresses {
		if no := c.vpnAddress(a.Addr(), v, w); no != nil {
			refusal = cmp.Or(refusal, no)
			out.leave(cmp.Or(c.vpnCode(single(a.Addr()), w), protocol.Outside), a.Addr().String())
		}
		p.Addresses = append(p.Addresses, single(a.Addr()))
		has[family6(a.Addr())] = true
		if !a.IsSingleIP() && !slices.Contains(routes, a.Masked()) {
			routes = append(routes, a.Masked())
		}
	}
	p.Routes = c.vpnRoutes(routes, has, w, out)
	for _, a := range v.Servers {
		code := c.vpnCode(single(a), w)
		if code == "" && (!has[family6(a)] || !c.vpnAllows(single(a))) {
			code = protocol.Outside
		}
		if code != "" {
			out.leave(code, a.String())
			continue
		}
		p.DNS.Servers = append(p.DNS.Servers, a)
		if !within(single(a), p.Routes) {
			p.Routes = append(p.Routes, single(a))
		}
	}
	if len(p.DNS.Servers) > 0 {
		p.DNS.Domains = c.vpnDomains(v.Domains, w, out)
		for _, d := range v.Search {
			if slices.Contains(p.DNS.Domains, d) {
				p.DNS.Search = append(p.DNS.Search, d)
			}
		}
		if p.DNS.All = v.AllNames && c.vpnAllNames(); v.AllNames && !p.DNS.All {
			out.leave(protocol.Outside, ".")
		}
	}
	p.Past = c.vpnPast(v, p.Routes, out)
	if within(single(v.Server), p.Past) {
		p.Server = v.Server
	}
	return p, refusal
}

func family6(a netip.Addr) int {
	if a.Is6() {
		return 1
	}
	return 0
}

// vpnAddress refuses an address that is somebody else's.
func (c Config) vpnAddress(a netip.Addr, v protocol.VPN, w world) *protocol.Refusal {
	p := single(a)
	switch {
	case a == v.Server:
		return protocol.Refuse(protocol.Outside, "the VPN gives this machine the address %v, which is its own server's", a)
	case within(p, vpnNevers):
		return protocol.Refuse(protocol.Outside, "the VPN gives this machine the address %v, which no VPN can give", a)
	case within(p, w.led), within(p, c.Devices):
		return protocol.Refuse(protocol.Conflict, "the VPN gives this machine the address %v, which stands for an application here", a)
	case within(p, w.here):
		return protocol.Refuse(protocol.Conflict, "the VPN gives this machine the address %v, which the network uses that you are in", a)
	case !c.vpnAllows(p):
		return protocol.Refuse(protocol.Outside, "the VPN gives this machine the address %v, and this machine's administrator has another list (vpn_networks in %s)", a, ConfigPath)
	}
	return nil
}

// vpnAllows says whether the administrator's list has p, or parts of it.
func (c Config) vpnAllows(p netip.Prefix) bool {
	return len(c.VPNNetworks) == 0 || within(p, c.VPNNetworks)
}

// vpnAllNames says whether a VPN's servers may be asked for what is nobody else's.
func (c Config) vpnAllNames() bool {
	return len(c.VPNNetworks) == 0 || slices.ContainsFunc(c.VPNNetworks, func(p netip.Prefix) bool { return p.Bits() == 0 })
}

// vpnRoutes are what is led to the device, of what is asked for: as far as the
// administrator's list has it; everything by its halves, so that the physical default
// route stays the one there is.
func (c Config) vpnRoutes(routes []netip.Prefix, has [2]bool, w world, out *leaver) (led []netip.Prefix) {
	seen := map[netip.Prefix]bool{}
	add := func(p netip.Prefix) {
		if code := c.vpnCode(p, w); code != "" {
			out.leave(code, p.String())
		} else if len(led) >= protocol.MaxVPNRoutes {
			out.leave(protocol.Full, p.String())
		} else if !seen[p] {
			seen[p] = true
			led = append(led, p)
		}
	}
	for _, p := range routes {
		if !has[family6(p.Addr())] { // nothing could be sent there
			out.leave(protocol.Outside, p.String())
			continue
		}
		parts := []netip.Prefix{p}
		if !c.vpnAllows(p) {
			out.leave(protocol.Outside, p.String())
			parts = nil
			for _, a := range c.VPNNetworks {
				if a.Overlaps(p) {
					parts = append(parts, a)
				}
			}
		}
		for _, p := range parts {
			if p.Bits() > 0 {
				add(p)
				continue
			}
			for _, half := range halves(p) {
				add(half)
			}
		}
	}
	return led
}

// halves are those of everything.
func halves(p netip.Prefix) []netip.Prefix {
	b := p.Addr().AsSlice()
	b[0] = 0x80
	upper, _ := netip.AddrFromSlice(b)
	return []netip.Prefix{netip.PrefixFrom(p.Addr(), 1), netip.PrefixFrom(upper, 1)}
}

// vpnPast are the networks that do not go through the VPN though its routes have
// them, none within another, and no more than that: what is none of the VPN's may be
// another's.
func (c Config) vpnPast(v protocol.VPN, routes []netip.Prefix, out *leaver) (past []netip.Prefix) {
	var all []netip.Prefix
	if !within(single(v.Server), vpnNevers) {
		all = append(all, single(v.Server))
	}
	for _, e := range v.Exclude {
		if e.Bits() == 0 || within(e, vpnNevers) {
			out.leave(protocol.Outside, e.String())
			continue
		}
		all = append(all, e)
	}
	wider := func(a, b netip.Prefix) int { return cmp.Compare(a.Bits(), b.Bits()) }
	slices.SortStableFunc(all, wider)
	routes = slices.SortedStableFunc(slices.Values(routes), wider)
	for _, p := range all {
		parts := []netip.Prefix{p}
		if !within(p, routes) {
			parts = slices.DeleteFunc(slices.Clone(routes), func(r netip.Prefix) bool { return !r.Overlaps(p) })
		}
		for _, part := range parts {
			if !within(part, past) {
				past = append(past, part)
			}
		}
	}
	return past
}

// vpnDomains are those of all that a VPN's servers are asked for.
func (c Config) vpnDomains(all []string, w world, out *leaver) (asked []string) {
	for _, d := range all {
		if code := c.vpnDomain(d, w); code != "" {
			out.leave(code, d)
		} else {
			asked = append(asked, d)
		}
	}
	return asked
}

// vpnDomain says why a VPN's servers are not asked for a domain; empty: they are.
// One that has ours below it is: ours are more specific.
func (c Config) vpnDomain(d string, w world) protocol.Code {
	if slices.ContainsFunc(w.zones, func(z string) bool { return d == z || strings.HasSuffix(d, "."+z) }) {
		return protocol.Ours
	}
	if p, ok := resolver.Network(d); ok {
		return c.vpnCode(p, w)
	}
	// Windows' own domains are below local more often than not.
	if strings.HasSuffix(d, ".local") {
		return ""
	}
	if domain(d) != nil {
		return protocol.Outside
	}
	return ""
}
