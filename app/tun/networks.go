//go:build linux

package tun

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// patience is how long all that is looked up at once may take.
const patience = 5 * time.Second

// wanted is what of a session.Wanted matters here.
type wanted struct {
	session  bool
	networks []netip.Prefix // that entitlements name
	hosts    []string       // of the gateways
}

func newWanted(w session.Wanted) wanted {
	n := wanted{session: w.Session != ""}
	var all []string
	for _, a := range w.Apps {
		all = append(all, a.Host)
	}
	for _, r := range w.Routes {
		if !r.Exclude {
			all = append(all, r.Hosts...)
		}
	}
	for _, host := range all {
		if p, ok := networkOf(host); ok {
			n.networks = append(n.networks, p)
		}
	}
	// The widest first: those within another are left out.
	slices.SortFunc(n.networks, func(a, b netip.Prefix) int {
		if d := a.Bits() - b.Bits(); d != 0 {
			return d
		}
		return a.Addr().Compare(b.Addr())
	})
	widest := n.networks[:0:0]
	for _, p := range n.networks {
		if !slices.ContainsFunc(widest, p.Overlaps) {
			widest = append(widest, p)
		}
	}
	n.networks = widest
	for _, s := range w.Sites {
		for _, g := range s.Gateways {
			n.hosts = append(n.hosts, hostOf(g.Address))
		}
	}
	slices.Sort(n.hosts)
	n.hosts = slices.Compact(n.hosts)
	return n
}

func (w wanted) equal(o wanted) bool {
	return w.session == o.session && slices.Equal(w.networks, o.networks) && slices.Equal(w.hosts, o.hosts)
}

// networkOf reads an address or a CIDR; what else an action may name is none.
func networkOf(host string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(host)
	if err != nil {
		a, err := netip.ParseAddr(host)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return p.Masked(), !p.Addr().Is4In6()
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// networks are those that may be led to the device: none that has an address by
// which we are reached ourselves. Where such an address is not known, none is.
func (t *TUN) networks(ctx context.Context) []netip.Prefix {
	t.mu.Lock()
	w := t.wanted
	t.mu.Unlock()
	routes := t.o.Routes()
	all := slices.DeleteFunc(slices.Clone(w.networks), func(p netip.Prefix) bool {
		return slices.ContainsFunc(routes, p.Overlaps) // synthetic addresses are no network's
	})
	if len(all) == 0 {
		return nil
	}
	near, err := t.near(ctx, w.hosts)
	if err != nil {
		if ctx.Err() == nil {
			t.note("networks are not led to the device: " + err.Error())
		}
		return nil
	}
	var left []netip.Prefix
	led := slices.DeleteFunc(all, func(p netip.Prefix) bool {
		out := slices.ContainsFunc(near, p.Contains)
		if out {
			left = append(left, p)
		}
		return out
	})
	if room := protocol.MaxRoutes - len(routes); len(led) > room {
		left = append(left, led[room:]...)
		led = led[:room]
	}
	if len(left) > 0 {
		t.note(fmt.Sprintf("networks are not led to the device: %v: the controller, a gateway or a resolver is in there, or there are too many", left))
	}
	return led
}

// near are the addresses of the gateways, the controller and the resolvers. What
// cannot be looked up now is where it was last.
func (t *TUN) near(ctx context.Context, hosts []string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	controller, err := t.o.Controller()
	if err != nil {
		return nil, fmt.Errorf("find the controller's address: %w", err)
	}
	near := slices.Concat(t.o.Resolvers(), t.o.Servers())
	for _, host := range append(slices.Clone(hosts), hostOf(controller)) {
		if a, err := netip.ParseAddr(host); err == nil {
			near = append(near, a.Unmap().WithZone(""))
			continue
		}
		found, err := t.o.Resolve(ctx, host)
		if err == nil && len(found) == 0 {
			err = errors.New("it has no address")
		}
		if err != nil {
			if found = t.known[host]; found == nil {
				return nil, fmt.Errorf("look up %s: %w", host, err)
			}
		}
		t.known[host] = found
		for _, a := range found {
			near = append(near, a.Unmap().WithZone(""))
		}
	}
	return near, nil
}

// lead keeps to the device what is to be led there, until ctx ends: whenever what
// is wanted changes, and now and then, for addresses and networks change too.
func (t *TUN) lead(ctx context.Context, routes, led []netip.Prefix, six bool) {
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		ticked := false
		select {
		case <-t.changed:
		case <-tick.C:
			ticked = true
		case <-ctx.Done():
			return
		}
		now, networks := fitting(t.o.Routes(), six), fitting(t.networks(ctx), six)
		if ctx.Err() != nil || slices.Equal(now, routes) && slices.Equal(networks, led) && (!ticked || len(led) == 0) {
			continue
		}
		if err := t.apply(ctx, now, networks); err != nil {
			t.note("networks are not led to the device: " + err.Error())
			continue
		}
		routes, led = now, networks
	}
}

// apply has the helper lead these to the device.
func (t *TUN) apply(ctx context.Context, routes, networks []netip.Prefix) error {
	left, err := t.o.Helper.ApplyRoutes(ctx, routes, networks)
	if err == nil && len(left) > 0 {
		t.note(fmt.Sprintf("networks are not led to the device: %v", left))
	}
	return err
}

// note logs what is not what was logged last.
func (t *TUN) note(text string) {
	if text != t.noted {
		t.noted = text
		t.o.Log.Info(text)
	}
}

// fitting are the prefixes of the families that there are.
func fitting(all []netip.Prefix, six bool) (fit []netip.Prefix) {
	for _, p := range all {
		if six || p.Addr().Is4() {
			fit = append(fit, p)
		}
	}
	return fit
}

// resolvers are those of this machine's resolv.conf.
func resolvers() (all []netip.Addr) {
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return nil // then there are none
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "nameserver" {
			if a, err := netip.ParseAddr(fields[1]); err == nil {
				all = append(all, a.Unmap().WithZone(""))
			}
		}
	}
	return all
}
