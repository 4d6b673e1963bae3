package osdns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/dump"
)

// vpnLinks are the devices of VPNs of ours, by name. What systemd-resolved was told
// of those is ours, whoever told it.
func vpnLinks() (map[string]netlink.Link, error) {
	links, err := dump.Whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	all := map[string]netlink.Link{}
	for _, l := range links {
		if name := l.Attrs().Name; strings.HasPrefix(name, vpnDevices) && l.Type() == "tuntap" {
			all[name] = l
		}
	}
	return all, nil
}

// present is w without a VPN whose device has gone.
func (w Want) present() (Want, error) {
	if w.VPN == nil {
		return w, nil
	}
	links, err := vpnLinks()
	if err != nil {
		return Want{}, err
	}
	there := map[string]bool{}
	for name := range links {
		there[name] = true
	}
	return w.around(there), nil
}

// useOf is what the VPN's device is to be used for. Where all names go there,
// whether they are validated is as it is set for all; of those that have only its own
// names the servers are believed, which nobody else knows.
func useOf(v *VPN, l netlink.Link) use {
	u := use{servers: v.Servers, byDefault: v.All, domains: []domain{}, idle: idle(l)}
	// What is below another goes there anyway.
	domains := slices.DeleteFunc(slices.Clone(v.Domains), func(d string) bool {
		return !slices.Contains(v.Search, d) && slices.ContainsFunc(v.Domains, func(o string) bool { return strings.HasSuffix(d, "."+o) })
	})
	for _, d := range domains[:min(len(domains), mostOfLink-1)] {
		u.domains = append(u.domains, domain{d, !slices.Contains(v.Search, d)})
	}
	if v.All {
		u.domains = append(u.domains, domain{".", true})
	} else {
		u.dnssec = "no"
	}
	return u
}

// idle says whether systemd-resolved does not ask by a link, as it is.
func idle(l netlink.Link) bool {
	if l.Attrs().RawFlags&(unix.IFF_UP|unix.IFF_LOWER_UP) != unix.IFF_UP|unix.IFF_LOWER_UP {
		return true
	}
	addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	return err != nil || !slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.Scope == unix.RT_SCOPE_UNIVERSE })
}

// setVPN has systemd-resolved ask the VPN's servers by its device, and by no other
// device of such a VPN; nil: by none.
func (r *resolve1) setVPN(ctx context.Context, v *VPN) error {
	links, err := vpnLinks()
	if err != nil {
		return err
	}
	changed := false
	for name, l := range links {
		if v != nil && name == v.Device {
			continue
		}
		c, err := r.revert(ctx, l.Attrs().Index)
		if err != nil {
			return err
		}
		changed = changed || c
	}
	if l, ok := links[deviceOf(v)]; ok {
		c, err := r.setLink(ctx, l.Attrs().Index, useOf(v, l))
		if _, there := netlink.LinkByIndex(l.Attrs().Index); err != nil && errors.As(there, &netlink.LinkNotFoundError{}) {
			err = nil // it has just gone, and what was told of it with it
		}
		if err != nil {
			return err
		}
		changed = changed || c
	}
	if changed {
		return r.manage(ctx, "FlushCaches")
	}
	return nil
}

func deviceOf(v *VPN) string {
	if v == nil {
		return ""
	}
	return v.Device
}

// revert has systemd-resolved forget what it was told of a link, and says whether
// that was anything.
func (r *resolve1) revert(ctx context.Context, index int) (changed bool, err error) {
	s, err := r.settings(ctx, index)
	if failed(err, "org.freedesktop.resolve1.NoSuchLink") {
		return false, nil // it has just come, or gone
	}
	// LLMNR is what it is told of first, before whoever told it was killed.
	if err != nil || len(s.Servers) == 0 && len(s.Domains) == 0 && !s.ByDefault && s.How["LLMNR"] != "no" {
		return false, err
	}
	err = r.manage(ctx, "RevertLink", int32(index))
	if failed(err, "org.freedesktop.resolve1.NoSuchLink") {
		err = nil
	}
	return true, err
}

// yield has the VPN's device not be asked for what is about to be ours.
func (r *resolve1) yield(ctx context.Context, w Want) error {
	v := w.vpn()
	links, err := vpnLinks()
	l, ok := links[deviceOf(v)]
	if err != nil || !ok {
		return err
	}
	s, err := r.settings(ctx, l.Attrs().Index)
	if err != nil {
		return nil // it does not know the link yet
	}
	if slices.ContainsFunc(s.Domains, func(d domain) bool { return d.Domain != "." && len(w.others([]string{d.Domain})) == 0 }) {
		return r.setVPN(ctx, v)
	}
	return nil
}

// forgetVPNs takes back what systemd-resolved was told of VPNs of ours. One that
// does not run has nothing.
func forgetVPNs(ctx context.Context, o Options) error {
	links, err := vpnLinks()
	if err != nil || len(links) == 0 {
		return err
	}
	r, err := dialResolve1(ctx, o)
	if nobodyThere(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.close()
	if has, err := r.runs(ctx); err != nil || !has {
		return err
	}
	return r.setVPN(ctx, nil)
}

// vpnState is what VPNs' devices are used for.
func (r *resolve1) vpnState(ctx context.Context) string {
	links, err := vpnLinks()
	all := []any{err}
	for name, l := range links {
		s, err := r.settings(ctx, l.Attrs().Index)
		all = append(all, name, idle(l), s, err) // there is one at a time
	}
	return fmt.Sprint(all...)
}
