package protocol

import (
	"fmt"
	"net/netip"

	"github.com/tidegate/tidegate/dnssplit/osdns"
)

// VPNPrefix begins the name of the device of a user's classic VPN; the user's
// number follows. Opened does not know it: it is not ours that packets go to.
const VPNPrefix = "tidev"

// Limits of a VPN.
const (
	MaxVPNRoutes  = 1024 // with those that are excluded
	MaxVPNServers = 8
	MaxVPNDomains = 256
	MinVPNMTU     = 576 // RFC 791, section 3.2
	MaxVPNMTU     = 65535
)

// VPN is what ApplyVPN has of a classic VPN: what its server wants, whole.
type VPN struct {
	// Addresses are this machine's in it: one of IPv4, one of IPv6, or both.
	Addresses []netip.Prefix `json:"addresses"`
	MTU       int            `json:"mtu"`
	// Server is the other end. Packets to it go on leaving by the physical adapter.
	Server netip.Addr `json:"server"`
	// Routes lead to it; 0.0.0.0/0 and ::/0 are all that has no better way, and do
	// not take the place of the physical default route. Exclude are taken out.
	Routes  []netip.Prefix `json:"routes,omitempty"`
	Exclude []netip.Prefix `json:"exclude,omitempty"`
	// Servers are asked for names below Domains, and where AllNames for those that are
	// nobody else's.
	Servers  []netip.Addr `json:"servers,omitempty"`
	Domains  []string     `json:"domains,omitempty"`
	AllNames bool         `json:"all_names,omitempty"`
	// Search are those of Domains that complete names of one label.
	Search []string `json:"search,omitempty"`
}

// Full says whether all of a family goes through it that has no better way.
func (v VPN) Full() (v4, v6 bool) {
	for _, p := range v.Routes {
		v4 = v4 || p.Bits() == 0 && p.Addr().Is4()
		v6 = v6 || p.Bits() == 0 && p.Addr().Is6()
	}
	return v4, v6
}

// Check refuses what no client of ours says.
func (v VPN) Check() error {
	if len(v.Addresses) == 0 || len(v.Addresses) > 2 || len(v.Addresses) == 2 && v.Addresses[0].Addr().Is4() == v.Addresses[1].Addr().Is4() {
		return fmt.Errorf("a VPN has one address of a family, and has any")
	}
	for _, p := range v.Addresses {
		if !p.IsValid() || p.Addr().Is4In6() || p.Bits() == 0 {
			return fmt.Errorf("an address is none")
		}
	}
	if v.MTU < MinVPNMTU || v.MTU > MaxVPNMTU {
		return fmt.Errorf("%d is no size of packets", v.MTU)
	}
	if len(v.Routes)+len(v.Exclude) > MaxVPNRoutes || len(v.Servers) > MaxVPNServers || len(v.Domains) > MaxVPNDomains {
		return fmt.Errorf("there is too much of it")
	}
	for _, list := range [][]netip.Prefix{v.Routes, v.Exclude} {
		seen := map[netip.Prefix]bool{}
		for _, p := range list {
			if !p.IsValid() || p.Addr().Is4In6() || p != p.Masked() || seen[p] {
				return fmt.Errorf("a route is no network, or is there twice")
			}
			seen[p] = true
		}
	}
	if !v.Server.IsValid() {
		return fmt.Errorf("it has no server")
	}
	for _, a := range append([]netip.Addr{v.Server}, v.Servers...) {
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
			return fmt.Errorf("a server has no address")
		}
	}
	seen := map[string]bool{}
	for _, d := range v.Domains {
		if !Domain(d) || seen[d] {
			return fmt.Errorf("%.80q is no domain, or is there twice", d)
		}
		seen[d] = true
	}
	for _, d := range v.Search {
		if !seen[d] {
			return fmt.Errorf("%.80q is no domain of it", d)
		}
		seen[d] = false // there once
	}
	return nil
}

// VPNTold is what came of ApplyVPN.
type VPNTold struct {
	// Left are networks and domains that it did not get, by why: Outside, Conflict
	// (the network's that the machine is in), Ours or Full.
	Left map[Code][]string `json:"left,omitempty"`
	// Mode is how the system was told of its servers.
	Mode osdns.Mode `json:"mode,omitempty"`
	// Taken are routes and rules that another program has taken away since, at most
	// MaxTaken.
	Taken []Taken `json:"taken,omitempty"`
}

// MaxTaken bounds what is told of what was taken away, MaxPutBack how often that
// is put back.
const (
	MaxTaken   = 32
	MaxPutBack = 3
)

// Taken is what another program has taken away.
type Taken struct {
	Route netip.Prefix `json:"route"`
	// Rule: it was a rule for packets there, of a VPN that which has them leave by the
	// physical adapter.
	Rule bool `json:"rule,omitempty"`
	// Guard: it is behind what leads to the device, and has programs told when there is
	// none. Without it their packets are dropped nevertheless.
	Guard bool `json:"guard,omitempty"`
	// Times is how often; Gone: it is not there, and is not put back any more: it was
	// MaxPutBack times, or has another in its place.
	Times int  `json:"times"`
	Gone  bool `json:"gone,omitempty"`
}

// Sensed is what of this machine's networks only root may see, whole.
type Sensed struct {
	// Holders are programs that hold network devices (TUN).
	Holders []Holder `json:"holders,omitempty"`
	// Filters drop what goes out.
	Filters []Filter `json:"filters,omitempty"`
	// Unread: there are rules of old (iptables-legacy) too, which nobody reads.
	Unread bool `json:"unread,omitempty"`
	// Taken are routes and rules to this user's device that another program has taken
	// away, at most MaxTaken: it is told until they were there for a while.
	Taken []Taken `json:"taken,omitempty"`
}

// Holder is a program with a device.
type Holder struct {
	Adapter string `json:"adapter"`
	Program string `json:"program"` // its name: where another user has it is not told
	PID     int    `json:"-"`       // for who looks
}

// Filter is a chain of nftables at the output hook that drops what is not let
// through.
type Filter struct {
	Family string `json:"family"` // ip, ip6 or inet
	Table  string `json:"table"`
	Chain  string `json:"chain"`
	// Through are the adapters that it lets out by, but for loopback; none: none, or
	// it is not known.
	Through []string `json:"through,omitempty"`
	// Hosts are addresses that it lets out to, Ports those of TCP of which its rules
	// speak, each with its own.
	Hosts []netip.Prefix `json:"hosts,omitempty"`
	Ports []FilterPort   `json:"ports,omitempty"`
}

// FilterPort are ports, and the addresses that a Filter lets out to there: one of no
// bits is all of its family's.
type FilterPort struct {
	From  uint16         `json:"from"`
	To    uint16         `json:"to"`
	Hosts []netip.Prefix `json:"hosts,omitempty"`
}

// Most that a message tells.
const (
	MaxHolders = 64
	MaxFilters = 32
)
