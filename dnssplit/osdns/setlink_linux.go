package osdns

import (
	"context"
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
	var path dbus.ObjectPath
	err = until(ctx, "know the link", func(ctx context.Context) (bool, error) {
		err := r.call(ctx, resolve1Path, resolve1Manager+".GetLink", []any{int32(index)}, []any{&path})
		return err == nil, err
	})
	if err != nil {
		return false, err
	}
	if is, err := r.linkIs(ctx, path, server, domains); is || err != nil {
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
		if err != nil {
			return true, err
		}
	}
	return true, until(ctx, "use the link", func(ctx context.Context) (bool, error) { return r.linkIs(ctx, path, server, domains) })
}

// linkIs says whether a link is used as setLink has it.
func (r *resolve1) linkIs(ctx context.Context, path dbus.ObjectPath, server netip.Addr, domains []string) (bool, error) {
	var mask uint64
	if err := r.property(ctx, path, resolve1Link, "ScopesMask", &mask); err != nil {
		return false, err
	}
	var servers []struct {
		Family  int32
		Address []byte
	}
	if err := r.property(ctx, path, resolve1Link, "DNS", &servers); err != nil {
		return false, err
	}
	var have []domain
	if err := r.property(ctx, path, resolve1Link, "Domains", &have); err != nil {
		return false, err
	}
	if mask&scopeDNS == 0 || len(servers) != 1 || !slices.Equal(servers[0].Address, server.AsSlice()) || len(have) != len(domains) {
		return false, nil
	}
	for _, d := range have {
		if !d.Only || !slices.Contains(domains, d.Domain) {
			return false, nil
		}
	}
	var byDefault bool
	err := r.property(ctx, path, resolve1Link, "DefaultRoute", &byDefault)
	if failed(err, "org.freedesktop.DBus.Error.UnknownProperty") {
		return true, nil // older than 240: links that only route are none
	}
	return err == nil && !byDefault, err
}
