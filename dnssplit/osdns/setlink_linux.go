package osdns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// mostOfLink is how many domains it takes for a link, with those that are replaced.
const mostOfLink = 256

// scopeDNS is the bit of ScopesMask that says that a link is used for DNS.
const scopeDNS = 1

// use is what systemd-resolved is to use a link for.
type use struct {
	servers   []netip.Addr
	domains   []domain
	byDefault bool   // for names that are nobody's, too
	dnssec    string // empty: as it is set for all
	idle      bool   // it has no carrier or no address, and is not asked
}

// onlyFor is the use of a link of our own.
func onlyFor(server netip.Addr, domains []string) use {
	u := use{servers: []netip.Addr{server}, domains: make([]domain, 0, len(domains)), dnssec: "no"}
	for _, d := range domains {
		u.domains = append(u.domains, domain{d, true})
	}
	return u
}

// how is what it is told of a link beside names, by property. Our answers are plain
// ones, and a VPN's server is asked within the VPN.
func (u use) how() map[string]string {
	return map[string]string{"LLMNR": "no", "MulticastDNS": "no", "DNSOverTLS": "no", "DNSSEC": u.dnssec}
}

// setLink has systemd-resolved use a link for this and nothing else, and says
// whether it did not already. It returns when that is so.
func (r *resolve1) setLink(ctx context.Context, index int, u use) (changed bool, err error) {
	// It hears of a new link from the kernel in its own time.
	err = until(ctx, "know the link", func(ctx context.Context) (bool, error) {
		_, err := r.settings(ctx, index)
		return err == nil, err
	})
	if err != nil {
		return false, err
	}
	if is, err := r.linkIs(ctx, index, u); err != nil || is && r.unaltered(ctx, index, u) {
		return false, err
	}
	type address struct {
		Family  int32
		Address []byte
	}
	servers := make([]address, 0, len(u.servers))
	for _, a := range u.servers {
		family := int32(unix.AF_INET)
		if a.Is6() {
			family = unix.AF_INET6
		}
		servers = append(servers, address{family, a.AsSlice()})
	}
	type call struct {
		method string
		arg    any
	}
	var calls []call
	for _, name := range howNames {
		calls = append(calls, call{"SetLink" + name, u.how()[name]})
	}
	// The server comes before the domains, which are ours from then on.
	calls = append(calls, call{"SetLinkDefaultRoute", u.byDefault}, call{"SetLinkDNS", servers})
	if s, err := r.settings(ctx, index); err == nil && len(s.Domains)+len(u.domains) > mostOfLink {
		calls = append(calls, call{"SetLinkDomains", []domain{}})
	}
	calls = append(calls, call{"SetLinkDomains", u.domains})
	for _, c := range calls {
		err := r.manage(ctx, c.method, int32(index), c.arg)
		if failed(err, "org.freedesktop.DBus.Error.UnknownMethod") || failed(err, "org.freedesktop.DBus.Error.NotSupported") {
			continue // an older one, or one built without
		}
		if failed(err, "org.freedesktop.resolve1.LinkBusy") {
			err = fmt.Errorf("systemd-networkd manages the link, and is not to: have a file before all others in /etc/systemd/network say [Match] Name=%s* %s* and [Link] Unmanaged=yes, and run `networkctl reload`: %w", linkPrefix, vpnDevices, err)
		}
		if err != nil {
			return true, err
		}
	}
	return true, until(ctx, "use the link", func(ctx context.Context) (bool, error) { return r.linkIs(ctx, index, u) })
}

// linkIs says whether a link is used for the names that setLink has it for, and no
// others.
func (r *resolve1) linkIs(ctx context.Context, index int, u use) (bool, error) {
	s, err := r.settings(ctx, index)
	if err != nil {
		return false, err
	}
	if s.Scopes&scopeDNS == 0 && !u.idle || s.ByDefault != u.byDefault && s.Says || len(s.Servers) != len(u.servers) || len(s.Domains) != len(u.domains) {
		return false, nil
	}
	for i, a := range u.servers {
		if !slices.Equal(s.Servers[i].Address, a.AsSlice()) {
			return false, nil
		}
	}
	return !slices.ContainsFunc(s.Domains, func(d domain) bool { return !slices.Contains(u.domains, d) }), nil
}

// unaltered says whether a link is as setLink has it beside its names. What an
// older one does not know, or one built without, is so.
func (r *resolve1) unaltered(ctx context.Context, index int, u use) bool {
	s, err := r.settings(ctx, index)
	if err != nil {
		return false
	}
	for name, how := range u.how() {
		if how == "" && r.property(ctx, resolve1Path, resolve1Manager, name, &how) != nil {
			continue
		}
		if is, known := s.How[name]; known && is != how {
			return false
		}
	}
	return true
}

// settings are what systemd-resolved uses a link for.
type settings struct {
	Scopes  uint64
	Servers []struct {
		Family  int32
		Address []byte
	}
	Domains   []domain
	ByDefault bool
	Says      bool              // before 240 it does not say ByDefault: links that only route are not
	How       map[string]string // those of howNames that it knows
}

// howNames are properties of a link that say how it is asked.
var howNames = []string{"LLMNR", "MulticastDNS", "DNSSEC", "DNSOverTLS"}

func (r *resolve1) settings(ctx context.Context, index int) (settings, error) {
	var path dbus.ObjectPath
	if err := r.call(ctx, resolve1Path, resolve1Manager+".GetLink", []any{int32(index)}, []any{&path}); err != nil {
		return settings{}, err
	}
	var all map[string]dbus.Variant
	if err := r.call(ctx, path, "org.freedesktop.DBus.Properties.GetAll", []any{resolve1Link}, []any{&all}); err != nil {
		return settings{}, err
	}
	s := settings{How: map[string]string{}}
	_, s.Says = all["DefaultRoute"]
	for name, into := range map[string]any{"ScopesMask": &s.Scopes, "DNS": &s.Servers, "Domains": &s.Domains, "DefaultRoute": &s.ByDefault} {
		if v, ok := all[name]; ok {
			if err := v.Store(into); err != nil {
				return settings{}, fmt.Errorf("systemd-resolved: %s: %w", name, err)
			}
		}
	}
	for _, name := range howNames {
		if how, ok := all[name].Value().(string); ok {
			s.How[name] = how
		}
	}
	return s, nil
}
