package session

import (
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// vpnIntent is what the user wants of classic VPNs, and was told of them.
type vpnIntent struct {
	begun    map[string]vpnBegun  // connections that were to be connected just now
	answered string               // id of the prompt whose answer is under way
	used     map[string]time.Time // when the user last did something with a connection
	// raise are connections for which the window is raised when the server asks
	// something, or when it comes to nothing.
	raise     map[string]bool
	unawaited string          // id of the prompt that came when the user did nothing
	past      map[string]bool // keys of warnings that stood, and ended
}

// vpnBegun is a connection that was to be connected, as it was then.
type vpnBegun struct {
	was VPNFact
	at  time.Time
}

const (
	// vpnBeginTime is how long a connection may take to show that it was begun.
	vpnBeginTime = 5 * time.Second
	// vpnAwaits is for how long a user waits for what a server asks, and need not
	// be called.
	vpnAwaits = time.Minute
)

func newVPNIntent() vpnIntent {
	return vpnIntent{begun: map[string]vpnBegun{}, used: map[string]time.Time{}, raise: map[string]bool{}, past: map[string]bool{}}
}

// vpnChanged takes what there is of classic VPNs, whole.
func (c *core) vpnChanged(f VPNFacts) {
	was, stood := c.vpn, standing(deriveWarnings(&c.facts, &c.intent))
	c.vpn, c.vpnSeen = f, true
	in := &c.beside
	if a, b := was.Prompt, f.Prompt; in.answered != "" && (b == nil || b.ID != in.answered || !reflect.DeepEqual(a, b)) {
		in.answered = ""
	}
	if p := f.Prompt; p != nil && (was.Prompt == nil || was.Prompt.ID != p.ID) {
		if used, ok := in.used[p.Connection]; !ok || passed(used, c.now()) > vpnAwaits {
			in.unawaited = p.ID
		}
		c.raiseVPN(p.Connection)
	}
	for _, is := range f.Connections {
		old := was.fact(is.ID)
		if b, ok := in.begun[is.ID]; ok && !reflect.DeepEqual(b.was, is) {
			delete(in.begun, is.ID)
		}
		switch {
		case is.Phase == VPNConnected:
			delete(in.raise, is.ID)
		case is.Phase == VPNDisconnected && is.Failure != nil && !reflect.DeepEqual(old, is):
			c.raiseVPN(is.ID)
		}
	}
	stands := standing(deriveWarnings(&c.facts, &c.intent))
	for _, key := range stood {
		if !slices.Contains(stands, key) {
			in.past[key] = true
		}
	}
}

// raiseVPN shows the connections where that was asked for with the connection.
func (c *core) raiseVPN(id string) {
	if c.beside.raise[id] {
		delete(c.beside.raise, id)
		c.window = WindowRequest{Seq: c.window.Seq + 1, Page: PageConnections}
	}
}

// standing are the keys of the warnings that are of now.
func standing(ws []VPNWarning) (keys []string) {
	for _, w := range ws {
		if !w.Ahead && !w.Served {
			keys = append(keys, w.Key())
		}
	}
	return keys
}

// fact is the state of one of the user's connections; zero: there is none.
func (f *VPNFacts) fact(id string) VPNFact {
	for _, c := range f.Connections {
		if c.ID == id {
			return c
		}
	}
	return VPNFact{}
}

// guard tells Classic what is ours, whenever that changes.
func (c *core) guard() {
	if c.o.Classic == nil {
		return
	}
	if g := deriveGuard(&c.facts); !c.guarded || !reflect.DeepEqual(g, c.guards) {
		c.o.Classic.Guard(g)
		c.guards, c.guarded = g, true
	}
}

// endVPNs ends what is connected, and what is about to be.
func (c *core) endVPNs() {
	if c.o.Classic == nil {
		return
	}
	for _, f := range c.vpn.Connections {
		if f.Phase == VPNDisconnected || f.Phase == VPNDisconnecting {
			continue
		}
		if err := c.o.Classic.Disconnect(f.ID); err != nil {
			c.o.Log.Info("end a VPN", "error", err)
		}
	}
}

// deriveGuard are what the entitlements name, and what leads there.
func deriveGuard(f *facts) VPNGuard {
	var g VPNGuard
	if f.enrolled.Controller != "" {
		g.Underlay = append(g.Underlay, f.enrolled.Controller)
	}
	for _, s := range f.sites {
		for _, gw := range s.Gateways {
			if !slices.Contains(g.Underlay, gw.Address) {
				g.Underlay = append(g.Underlay, gw.Address)
			}
		}
	}
	var hosts []string
	for _, r := range f.routes {
		if !r.Exclude {
			hosts = append(hosts, r.Hosts...)
		}
	}
	for i := range f.catalog {
		hosts = append(hosts, f.catalog[i].Host)
	}
	var zones []string
	for _, host := range hosts {
		zone, six := zoneOf(host)
		g.IPv6 = g.IPv6 || six
		if zone != "" {
			zones = append(zones, zone)
		}
	}
	slices.Sort(zones)
	zones = slices.Compact(zones)
	for _, z := range zones {
		below := func(of string) bool { return of != z && strings.HasSuffix(z, "."+of) }
		if !slices.ContainsFunc(zones, below) {
			g.Zones = append(g.Zones, z)
		}
	}
	return g
}

// zoneOf is the zone that a host of an action is, or has; none for an address, of
// which it says whether it is one of IPv6.
func zoneOf(host string) (zone string, six bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return "", a.Is6() && !a.Is4In6()
	}
	if p, err := netip.ParsePrefix(host); err == nil {
		return "", p.Addr().Is6() && !p.Addr().Is4In6()
	}
	if wire.IsWildcard(host) {
		domain, err := wire.Wildcard(host)
		if err != nil {
			return "", false
		}
		host = domain
	}
	return plainName(host), false
}

// underlayHosts are the controller and the gateways by their names, for people.
func underlayHosts(f *facts) (hosts []string) {
	for _, at := range deriveGuard(f).Underlay {
		host, _, err := net.SplitHostPort(at)
		if err != nil {
			host = at
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
