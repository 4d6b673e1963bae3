package osdns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// scopeDNS is the bit of ScopesMask that says that a link is used for DNS.
const scopeDNS = 1

// setLink has systemd-resolved ask server for domains by a link, and for nothing
// else, and says whether it did not already. It returns when that is so.
func (r *resolve1) setLink(ctx context.Context, index int, server netip.Addr, domains []string) (changed bool, err error) {
	// It hears of a new link from the kernel in its own time.
	err = until(ctx, "know the link", func(ctx context.Context) (bool, error) {
		_, err := r.settings(ctx, index)
		return err == nil, err
	})
	if err != nil {
		return false, err
	}
	if is, err := r.linkIs(ctx, index, server, domains); err != nil || is && r.unaltered(ctx, index) {
		return false, err
	}
	family := int32(unix.AF_INET)
	if server.Is6() {
		family = unix.AF_INET6
	}
	wanted := make([]domain, 0, len(domains))
	for _, d := range domains {
		wanted = append(wanted, domain{d, true})
	}
	// The server comes before the domains, which are ours from then on.
	for _, c := range []struct {
		method string
		arg    any
	}{
		{"SetLinkLLMNR", "no"},
		{"SetLinkMulticastDNS", "no"},
		{"SetLinkDNSSEC", "no"},
		{"SetLinkDNSOverTLS", "no"},
		{"SetLinkDefaultRoute", false},
		{"SetLinkDNS", []struct {
			Family  int32
			Address []byte
		}{{family, server.AsSlice()}}},
		{"SetLinkDomains", wanted},
	} {
		err := r.manage(ctx, c.method, int32(index), c.arg)
		if failed(err, "org.freedesktop.DBus.Error.UnknownMethod") || failed(err, "org.freedesktop.DBus.Error.NotSupported") {
			continue // an older one, or one built without
		}
		if failed(err, "org.freedesktop.resolve1.LinkBusy") {
			err = fmt.Errorf("systemd-networkd manages the link, and is not to: have a file before all others in /etc/systemd/network say [Match] Name=%s* and [Link] Unmanaged=yes, and run `networkctl reload`: %w", linkPrefix, err)
		}
		if err != nil {
			return true, err
		}
	}
	return true, until(ctx, "use the link", func(ctx context.Context) (bool, error) { return r.linkIs(ctx, index, server, domains) })
}

// linkIs says whether a link is used for the names that setLink has it for, and no
// others.
func (r *resolve1) linkIs(ctx context.Context, index int, server netip.Addr, domains []string) (bool, error) {
	s, err := r.settings(ctx, index)
	if err != nil {
		return false, err
	}
	if s.Scopes&scopeDNS == 0 || s.ByDefault || len(s.Servers) != 1 || !slices.Equal(s.Servers[0].Address, server.AsSlice()) || len(s.Domains) != len(domains) {
		return false, nil
	}
	return !slices.ContainsFunc(s.Domains, func(d domain) bool { return !d.Only || !slices.Contains(domains, d.Domain) }), nil
}

// unaltered says whether a link is as setLink has it beside its names: our answers
// are plain ones. What an older one does not know, or one built without, is so.
func (r *resolve1) unaltered(ctx context.Context, index int) bool {
	s, err := r.settings(ctx, index)
	return err == nil && !slices.ContainsFunc(s.How, func(how string) bool { return how != "no" })
}

// settings are what systemd-resolved uses a link for.
type settings struct {
	Scopes  uint64
	Servers []struct {
		Family  int32
		Address []byte
	}
	Domains   []domain
	ByDefault bool     // false before 240: links that only route are not
	How       []string // LLMNR, MulticastDNS, DNSSEC and DNSOverTLS, of those that it knows
}

func (r *resolve1) settings(ctx context.Context, index int) (settings, error) {
	var path dbus.ObjectPath
	if err := r.call(ctx, resolve1Path, resolve1Manager+".GetLink", []any{int32(index)}, []any{&path}); err != nil {
		return settings{}, err
	}
	var all map[string]dbus.Variant
	if err := r.call(ctx, path, "org.freedesktop.DBus.Properties.GetAll", []any{resolve1Link}, []any{&all}); err != nil {
		return settings{}, err
	}
	s := settings{How: make([]string, 0, 4)}
	for name, into := range map[string]any{"ScopesMask": &s.Scopes, "DNS": &s.Servers, "Domains": &s.Domains, "DefaultRoute": &s.ByDefault} {
		if v, ok := all[name]; ok {
			if err := v.Store(into); err != nil {
				return settings{}, fmt.Errorf("systemd-resolved: %s: %w", name, err)
			}
		}
	}
	for _, name := range []string{"LLMNR", "MulticastDNS", "DNSSEC", "DNSOverTLS"} {
		if how, ok := all[name].Value().(string); ok {
			s.How = append(s.How, how)
		}
	}
	return s, nil
}
