package osdns

import (
	"net/netip"
	"slices"
	"strings"
)

// vpnDevices is what the names of the devices of VPNs that we connect begin with.
const vpnDevices = "tidev"

// none says whether no name is to be asked of us.
func (w Want) none() bool { return !w.Server.IsValid() || len(w.Domains) == 0 }

// Empty says whether nobody is to be told anything.
func (w Want) Empty() bool { return w.none() && w.vpn() == nil }

// names are the zones that are to be ours.
func (w Want) names() []string {
	if w.none() {
		return nil
	}
	return w.Domains
}

// noted is w as the journal has it: the same, in whatever order it is wanted.
func (w Want) noted() *Want {
	w.Domains = slices.Compact(slices.Sorted(slices.Values(w.Domains)))
	return &w
}

// vpn is what the VPN is asked for, each once, as the system writes it: nothing
// that is ours, and with Strict not what is nobody's. nil: nothing.
func (w Want) vpn() *VPN {
	if w.VPN == nil {
		return nil
	}
	v := VPN{Device: w.VPN.Device, All: w.VPN.All && (w.none() || !w.Strict)}
	for _, a := range w.VPN.Servers {
		if a = a.Unmap(); a.IsValid() && !slices.Contains(v.Servers, a) {
			v.Servers = append(v.Servers, a)
		}
	}
	v.Search = w.others(w.VPN.Search)
	v.Domains = w.others(slices.Concat(w.VPN.Search, w.VPN.Domains))
	if len(v.Servers) == 0 || !v.All && len(v.Domains) == 0 {
		return nil
	}
	return &v
}

// others are those of the domains that are not ours, and not below one that is.
func (w Want) others(domains []string) (all []string) {
	for _, d := range domains {
		d = strings.ToLower(strings.Trim(d, "."))
		if d != "" && !slices.Contains(all, d) && !slices.ContainsFunc(w.names(), func(o string) bool { return d == o || strings.HasSuffix(d, "."+o) }) {
			all = append(all, d)
		}
	}
	return all
}

// around is w on a machine with these links: without its device a VPN has gone.
func (w Want) around(links map[string]bool) Want {
	if w.VPN != nil {
		if _, ok := links[w.VPN.Device]; !ok {
			w.VPN = nil
		}
	}
	return w
}

// upstreams are the VPN's servers, for its names and, apart, for all.
func (v *VPN) upstreams() (own, all []Upstream) {
	if v == nil {
		return nil, nil
	}
	u := Upstream{Device: v.Device}
	for _, a := range v.Servers {
		u.Servers = append(u.Servers, netip.AddrPortFrom(a, 53))
	}
	if v.All {
		all = []Upstream{u}
	}
	if len(v.Domains) > 0 {
		u.Domains = v.Domains
		own = []Upstream{u}
	}
	return own, all
}
