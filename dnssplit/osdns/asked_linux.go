package osdns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/godbus/dbus/v5"
	"github.com/vishvananda/netlink"
)

// Asked are whom systemd-resolved asks, but for a server of ours: those for
// domains, and those for what is nobody else's, which have none. It changes
// nothing, and any user may call it. Where systemd-resolved does not run it is an
// error.
func Asked(ctx context.Context, o Options, ours netip.Addr) ([]Upstream, error) {
	r, err := dialResolve1(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	claims, err := r.claims(ctx)
	if err != nil {
		return nil, err
	}
	claims = slices.DeleteFunc(claims, func(c claim) bool {
		return slices.ContainsFunc(c.Servers, func(s netip.AddrPort) bool { return s.Addr() == ours })
	})
	var all []Upstream
	// A domain that is all names takes the rest from those that have it by default.
	everything := slices.ContainsFunc(claims, func(c claim) bool { return slices.Contains(c.Domains, ".") })
	for _, c := range claims {
		u := Upstream{Servers: c.Servers}
		if c.Link != 0 {
			l, err := netlink.LinkByIndex(c.Link)
			if err != nil {
				continue // it has gone in between
			}
			u.Device = l.Attrs().Name
		}
		if domains := slices.DeleteFunc(slices.Clone(c.Domains), func(d string) bool { return d == "." }); len(domains) > 0 {
			of := u
			of.Domains = domains
			all = append(all, of)
		}
		rest := slices.Contains(c.Domains, ".")
		if !everything {
			if rest, err = r.byDefault(ctx, c); err != nil {
				return nil, err
			}
		}
		if rest {
			all = append(all, u)
		}
	}
	return all, nil
}

// byDefault says whether names that are nobody's are asked of a claim's servers.
func (r *resolve1) byDefault(ctx context.Context, c claim) (yes bool, err error) {
	switch {
	case c.Delegate != "":
		return false, nil // not unless it says so, which is for those that have all names
	case c.Link == 0:
		return true, nil
	}
	var path dbus.ObjectPath
	if err := r.call(ctx, resolve1Path, resolve1Manager+".GetLink", []any{int32(c.Link)}, []any{&path}); err != nil {
		return false, fmt.Errorf("link %d: %w", c.Link, err)
	}
	err = r.property(ctx, path, resolve1Link, "DefaultRoute", &yes)
	return yes, err
}
