package sense

import (
	"cmp"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// knowledge is all that is judged by.
type knowledge struct {
	picture
	guard    session.VPNGuard
	own      map[string]string
	ignore   func(string) bool
	sensed   *protocol.Sensed
	underlay []addr
}

// tunnelKinds are links that lead over others (ip-link(8)).
var tunnelKinds = map[string]bool{"tun": true, "tuntap": true, "wireguard": true, "amneziawg": true, "ppp": true, "xfrm": true, "vti": true, "vti6": true, "ovpn": true, "ovpn-dco": true}

// clusters begin the names of the devices by which containers and virtual machines
// reach each other.
var clusters = []string{"cilium", "flannel", "cali", "wireguard.cali", "wg-v6.cali", "kilo", "antrea", "kube", "docker", "br-", "virbr", "vnet", "veth", "lxc", "podman", "cni", "weave", "nerdctl"}

// mostRoutes is how many are told of one VPN.
const mostRoutes = 64

// ours says whether a device is one that the helper makes.
func ours(device string) bool {
	return protocol.Opened(device) || strings.HasPrefix(device, protocol.VPNPrefix)
}

// tunnel says whether a link may be a VPN's, whoever's.
func (p picture) tunnel(l link) bool {
	switch {
	case l.slave || l.hardware || l.encap == "loopback" || slices.ContainsFunc(clusters, func(c string) bool { return strings.HasPrefix(l.name, c) }):
		return false
	case l.kind == "ppp" || l.encap == "ppp":
		// A line that is dialled may be how this machine reaches its network.
		return p.around(l)
	case l.kind != "" && !tunnelKinds[l.kind]:
		return false
	case l.encap == "ether": // a virtual machine has such a device, too
		return tunnelKinds[l.kind] && slices.ContainsFunc(p.routes, func(r route) bool { return r.link == l.index && r.gateway.IsValid() })
	}
	return l.kind != "" || l.encap == "none"
}

// around says whether there is a way to other networks by no line.
func (p picture) around(line link) bool {
	return slices.ContainsFunc(p.routes, func(r route) bool {
		l, ok := p.link(r.link)
		return ok && r.gateway.IsValid() && l.index != line.index && l.encap == "ether" && !ours(l.name)
	})
}

func (p picture) link(index int) (link, bool) {
	i := slices.IndexFunc(p.links, func(l link) bool { return l.index == index })
	if index == 0 || i < 0 {
		return link{}, false
	}
	return p.links[i], true
}

// vpn says whether a link is a VPN: one of the user's, or another's.
func (k knowledge) vpn(p picture, l link) bool {
	if !l.up || len(l.addresses) == 0 && !p.unnumbered(l) {
		return false
	}
	if k.own[l.name] != "" {
		return true
	}
	return !ours(l.name) && !k.ignore(l.name) && p.tunnel(l)
}

// unnumbered says whether a link is one of IPsec's that leads somewhere: such have
// their address elsewhere, or none.
func (p picture) unnumbered(l link) bool {
	return (l.kind == "xfrm" || l.kind == "vti" || l.kind == "vti6") && slices.ContainsFunc(p.routes, func(r route) bool {
		return r.link == l.index && !r.to.Addr().IsMulticast() && !r.to.Addr().IsLinkLocalUnicast()
	})
}

// vpns are all that are up: the user's first, then those with more.
func (k knowledge) vpns() (all []link) {
	for _, l := range k.links {
		if k.vpn(k.picture, l) {
			all = append(all, l)
		}
	}
	rank := func(l link) int {
		switch full4, full6 := k.full(l); {
		case k.own[l.name] != "":
			return 0
		case full4 || full6:
			return 1
		}
		return 2
	}
	slices.SortFunc(all, func(a, b link) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a.index, b.index)) })
	return all
}

func (k knowledge) full(l link) (v4, v6 bool) {
	return k.egress4.link == l.index, k.egress6.link == l.index
}

// others are those of other programs.
func (k knowledge) others() (all []session.VPNOther) {
	for _, l := range k.vpns() {
		if k.own[l.name] != "" {
			continue
		}
		o := session.VPNOther{Program: k.program(l)}
		o.Adapter, o.Addresses = l.name, l.addresses
		o.Full4, o.Full6 = k.full(l)
		o.Routes = k.reaches(l)
		n := k.names[l.index]
		o.Servers, o.Domains, o.AllNames = n.servers, n.domains, n.all
		all = append(all, o)
	}
	return all
}

// reaches are the networks that a link leads to, but for everything and for its own.
func (k knowledge) reaches(l link) (all []netip.Prefix) {
	for _, r := range k.routes {
		a := r.to.Addr()
		if r.link != l.index || r.refuses != "" || r.to.Bits() <= 1 || a.IsMulticast() || a.IsLinkLocalUnicast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			continue
		}
		if slices.ContainsFunc(l.addresses, func(p netip.Prefix) bool { return r.to.IsSingleIP() && p.Addr() == a }) {
			continue
		}
		all = append(all, r.to)
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	all = slices.Compact(all)
	return all[:min(len(all), mostRoutes)]
}

// program is what is known of whose a device is.
func (k knowledge) program(l link) string {
	holder := ""
	if k.sensed != nil {
		for _, h := range k.sensed.Holders {
			if h.Adapter == l.name {
				holder = h.Program
				break
			}
		}
	}
	holder = path.Base(cmp.Or(holder, k.holders[l.name], "."))
	if holder != "." {
		if v, ok := vendorOf(holder); ok {
			return v.name
		}
		return holder
	}
	if l.kind == "wireguard" || l.kind == "amneziawg" {
		for _, v := range vendors {
			if v.drives(l.name) && k.runs(v) != nil {
				return v.name
			}
		}
		return "WireGuard"
	}
	// By the name of the device, where such a program runs; else by the only one.
	var only []string
	for _, v := range vendors {
		if k.runs(v) == nil {
			continue
		}
		if v.drives(l.name) {
			return v.name
		}
		only = append(only, v.name)
	}
	if len(only) == 1 && len(k.vpns()) == 1 && l.kind != "ovpn" {
		return only[0]
	}
	return ""
}

// runs is the process of a vendor's that connects; nil: there is none.
func (k knowledge) runs(v vendor) *program {
	for i, p := range k.programs {
		if slices.Contains(v.service, p.name) {
			return &k.programs[i]
		}
	}
	return nil
}

// physical is the adapter that the network is reached by, no VPN's: that of the best
// default route, or else of a route that was left to a VPN's server.
func (k knowledge) physical() (link, bool) {
	var best *route
	for i, r := range k.routes {
		l, ok := k.link(r.link)
		if !ok || !l.up || r.refuses != "" || ours(l.name) || k.tunnel(l) || l.encap == "loopback" || !(r.to.Bits() == 0 || r.gateway.IsValid() && r.to.IsSingleIP()) {
			continue
		}
		if best == nil || less(r, *best) {
			best = &k.routes[i]
		}
	}
	if best == nil {
		return link{}, false
	}
	return k.link(best.link)
}

// less says whether a is a better way out than b.
func less(a, b route) bool {
	return cmp.Or(cmp.Compare(a.to.Bits(), b.to.Bits()), cmp.Compare(a.to.Addr().BitLen(), b.to.Addr().BitLen()), cmp.Compare(a.metric, b.metric)) < 0
}

// device is the one of ours that applications' packets go to, if it is up.
func (k knowledge) device() (link, bool) {
	for _, l := range k.links {
		if protocol.Opened(l.name) && l.up && len(l.addresses) > 0 {
			return l, true
		}
	}
	return link{}, false
}
