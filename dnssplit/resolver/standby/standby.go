// Package standby answers lookups while no client is there to answer them: our
// names fail at once, so that none is asked of the network, and all others are
// forwarded. The helper runs it where every lookup of the machine comes to us.
package standby

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"github.com/tidegate/tidegate/dnssplit/resolver"
)

// Standby answers in a client's place. The zero value is ready.
type Standby struct {
	// Bound is told what resolver.Options.Bound is.
	Bound func(device string, err error)
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Run answers on the sockets until ctx ends, and closes them. The zones, those of
// addresses (in-addr.arpa, ip6.arpa) among them, are answered with SERVFAIL; what
// is not below one of them is asked of the upstreams.
func (s Standby) Run(ctx context.Context, udp net.PacketConn, tcp net.Listener, zones []string, upstreams []resolver.Upstream) error {
	r := resolver.New(resolver.Options{Zone: newDead(zones), Failing: true, Bound: s.Bound, Log: s.Log})
	r.Forward(upstreams)
	return r.Serve(ctx, udp, tcp)
}

// dead are zones of which nothing is known but the networks of their addresses.
type dead struct {
	zones    map[string]bool
	networks [2]netip.Prefix
}

func newDead(zones []string) *dead {
	d := &dead{zones: map[string]bool{}}
	for _, zone := range zones {
		zone = strings.ToLower(strings.TrimSuffix(zone, "."))
		d.zones[zone] = true
		if p, ok := resolver.Network(zone); ok && p.Addr().Is4() {
			d.networks[0] = p
		} else if ok {
			d.networks[1] = p
		}
	}
	return d
}

func (d *dead) Below(host string) bool {
	for host != "" {
		if d.zones[host] {
			return true
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return false
}

func (d *dead) Exists(string) bool                  { return false }
func (d *dead) Answer(string) ([2]netip.Addr, bool) { return [2]netip.Addr{}, false }
func (d *dead) Host(netip.Addr) (string, bool)      { return "", false }
func (d *dead) Reverse() []string                   { return nil }
func (d *dead) Prefixes() [2]netip.Prefix           { return d.networks }
