package sense

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// conflicts are all, in the seed's order, each once.
func (k knowledge) conflicts() (all []session.VPNConflict) {
	type key struct {
		feature                      session.VPNFeature
		connection, program, adapter string
	}
	seen := map[key]bool{}
	for _, c := range slices.Concat(k.taken(), k.firewalls(), k.symptom(), k.vendors(), k.ipv6()) {
		if at := (key{c.Feature, c.Connection, c.Program, c.Adapter}); !seen[at] {
			seen[at] = true
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b session.VPNConflict) int {
		return slices.Index(session.VPNFeatures, a.Feature) - slices.Index(session.VPNFeatures, b.Feature)
	})
	return all
}

// of has a conflict be that of a VPN.
func (k knowledge) of(c session.VPNConflict, l link) session.VPNConflict {
	c.Adapter, c.Connection = l.name, k.own[l.name]
	if c.Connection == "" {
		c.Program = k.program(l)
	}
	return c
}

// foreign is the first VPN that is up of those that others run.
func (k knowledge) foreign() (link, bool) {
	all := slices.DeleteFunc(k.vpns(), func(l link) bool { return k.own[l.name] != "" })
	if len(all) == 0 {
		return link{}, false
	}
	return all[0], true
}

// taken is what another program has taken away of the routes to our device.
func (k knowledge) taken() []session.VPNConflict {
	if k.sensed == nil || len(k.sensed.Taken) == 0 {
		return nil
	}
	c := session.VPNConflict{Feature: session.VPNRouteMonitoring, How: session.VPNServedRoutes}
	l, up := k.foreign()
	if up {
		c = k.of(c, l)
	} else {
		c.Program = k.service()
	}
	worst := k.sensed.Taken[0]
	harms := func(t protocol.Taken) bool { return t.Gone && !t.Guard }
	for _, t := range k.sensed.Taken {
		if harms(t) && !harms(worst) || harms(t) == harms(worst) && t.Times > worst.Times {
			worst = t
		}
	}
	what := "route"
	if worst.Rule {
		what = "rule for packets"
	}
	if worst.Guard {
		what += " (for when Tidegate has no device)"
	}
	times := "once"
	if worst.Times > 1 {
		times = fmt.Sprintf("%d times", worst.Times)
	}
	c.Evidence = fmt.Sprintf("the %s to %v was taken away %s", what, worst.Route, times)
	if harms(worst) {
		c.Harm, c.How = session.VPNHarmRoutes, session.VPNServedNot
	}
	if worst.Gone {
		c.Evidence += ", and is not put back any more"
	} else {
		c.Evidence += ", and put back"
	}
	if c.Adapter+c.Program != "" {
		c.Evidence += "; by whom is not seen"
	}
	return []session.VPNConflict{c}
}

// service is the first vendor's whose program runs, VPN or none; empty: none does.
func (k knowledge) service() string {
	for _, v := range vendors {
		if v.place && k.runs(v) != nil { // the others run while there is a VPN
			return v.name
		}
	}
	return ""
}

// firewalls are those that keep packets from the physical adapter.
func (k knowledge) firewalls() (all []session.VPNConflict) {
	if k.sensed == nil {
		return nil
	}
	physical, there := k.physical()
	nobody := len(k.vpns()) == 0 && k.service() == ""
	for _, f := range k.sensed.Filters {
		only6 := f.Family == "ip6"
		if only6 && nobody || there && slices.Contains(f.Through, physical.name) || len(k.underlay) > 0 && k.spares(f) {
			continue
		}
		all = append(all, k.enforced(only6, f.Through, evidence(f), k.allows(f)))
	}
	return all
}

func evidence(f protocol.Filter) string {
	s := fmt.Sprintf("nftables: chain %s of table %s %s drops what does not leave by ", f.Chain, f.Family, f.Table)
	if len(f.Through) == 0 {
		return strings.TrimSuffix(s, " what does not leave by ") + " what goes out"
	}
	return s + strings.Join(f.Through, ", ")
}

// allows says whether controller and gateways are let out to.
func (k knowledge) allows(f protocol.Filter) bool {
	return len(k.underlay) > 0 && !slices.ContainsFunc(k.underlay, func(a addr) bool {
		hosts := f.Hosts
		if i := slices.IndexFunc(f.Ports, func(p protocol.FilterPort) bool { return p.From <= a.Port() && a.Port() <= p.To }); i >= 0 {
			hosts = f.Ports[i].Hosts
		}
		return !slices.ContainsFunc(hosts, func(p netip.Prefix) bool { return p.Contains(a.Addr()) })
	})
}

// spares says whether nothing of ZTA's is dropped.
func (k knowledge) spares(f protocol.Filter) bool {
	d, ok := k.device()
	return k.allows(f) && (!ok || slices.Contains(f.Through, d.name))
}

// enforced is a conflict about what is not let out by the physical adapter; through
// are those by which it is, allowed says that controller and gateways are all the
// same.
func (k knowledge) enforced(only6 bool, through []string, evidence string, allowed bool) session.VPNConflict {
	c := session.VPNConflict{Feature: session.VPNAlwaysOn, Evidence: evidence, Harm: session.VPNHarmAll}
	all := k.vpns()
	at := slices.IndexFunc(all, func(l link) bool { return slices.Contains(through, l.name) })
	l, up := k.foreign()
	if at >= 0 {
		l, up = all[at], true
	}
	reached := allowed
	if d, ok := k.device(); ok && !slices.Contains(through, d.name) {
		c.Device = d.name
	}
	if !up {
		c.Program = k.service()
	} else {
		c = k.of(c, l)
		c.Feature = session.VPNTrafficEnforcement
		v4, v6 := k.full(l)
		reached = allowed || v4 || v6
	}
	switch {
	case reached && c.Device != "":
		c.Harm = session.VPNHarmDevice
	case reached && up:
		c.Harm, c.How = session.VPNHarmUnderlay, session.VPNServedAround
	}
	if only6 {
		c.Feature, c.Device = session.VPNIPv6, ""
		c.Harm, c.How = k.without6(func(d link) bool { return slices.Contains(through, d.name) })
	}
	return c
}

// symptom is that a datagram was not let out, where nobody tells why.
func (k knowledge) symptom() []session.VPNConflict {
	if k.barred == nil || k.sensed != nil && !k.sensed.Unread || len(k.firewalls()) > 0 {
		return nil
	}
	why := "which rule it is cannot be seen without Tidegate's helper"
	if k.sensed != nil {
		why = "rules of iptables-legacy are there, which are not read"
	}
	return []session.VPNConflict{k.enforced(false, nil, fmt.Sprintf("a datagram by %s to %v is not let out: %s; %s", k.barred.adapter, k.barred.to, k.barred.err, why), false)}
}

// vendors are what a known program may be set up to do.
func (k knowledge) vendors() (all []session.VPNConflict) {
	up := map[string]link{}
	for _, l := range k.vpns() {
		if k.own[l.name] == "" {
			up[k.program(l)] = l
		}
	}
	for _, v := range vendors {
		p := k.runs(v)
		if p == nil {
			continue
		}
		c := session.VPNConflict{Program: v.name, Evidence: fmt.Sprintf("%s runs (process %d)", p.name, p.pid), Ahead: true}
		l, there := up[v.name]
		if there {
			c.Adapter, c.Ahead = l.name, false
		}
		shows := slices.ContainsFunc(k.programs, func(p program) bool { return slices.Contains(v.window, p.name) })
		if v.stealth && !shows && len(v.window) > 0 {
			s := c
			s.Feature = session.VPNStealthMode
			s.Evidence += ", and " + v.window[0] + ", which would show it, does not"
			all = append(all, s)
		}
		if v.place {
			c.Feature = session.VPNLocationAwareness
			if c.How = session.VPNServedPlace; there && k.answers(k.names[l.index].domains) {
				c.Harm, c.How = session.VPNHarmPlace, session.VPNServedNot
				c.Evidence += ", and its names are among ours"
			}
			all = append(all, c)
		}
	}
	return all
}

// answers says whether names of any of the domains are ours to answer.
func (k knowledge) answers(domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool {
		return slices.ContainsFunc(k.guard.Zones, func(z string) bool {
			return d == z || strings.HasSuffix(d, "."+z) || strings.HasSuffix(z, "."+d)
		})
	})
}

// ipv6 are what a VPN does to IPv6.
func (k knowledge) ipv6() (all []session.VPNConflict) {
	for _, l := range k.vpns() {
		full4, full6 := k.full(l)
		if full6 {
			continue
		}
		c := k.of(session.VPNConflict{Feature: session.VPNIPv6}, l)
		out, beside := k.link(k.egress6.link)
		beside = beside && out.encap != "loopback" && !ours(out.name) && !k.vpn(k.picture, out)
		switch {
		case k.egress6.refused != "":
			c.Evidence = "the way of IPv6 to everywhere is " + k.egress6.refused
		case k.no6 && k.guard.IPv6:
			c.Evidence = "IPv6 is switched off (net.ipv6.conf.all.disable_ipv6)"
		case full4 && beside:
			c.Evidence = fmt.Sprintf("IPv4 leaves by %s, and IPv6 by %s", l.name, out.name)
			c.Harm = session.VPNHarmLeak
			return append(all, c)
		case full4 && k.egress6.link == 0 && k.guard.IPv6:
			c.Evidence = fmt.Sprintf("IPv4 leaves by %s, and IPv6 leaves nowhere", l.name)
		default:
			continue
		}
		c.Harm, c.How = k.without6(func(link) bool { return true })
		return append(all, c) // one is enough: it is the machine's
	}
	return all
}

// without6 is what it does that IPv6 leaves this machine nowhere, but for our device
// where that is let.
func (k knowledge) without6(let func(link) bool) (session.VPNHarm, session.VPNServed) {
	if d, ok := k.device(); ok && k.guard.IPv6 {
		reached := !k.no6 && let(d) && slices.ContainsFunc(d.addresses, func(p netip.Prefix) bool { return p.Addr().Is6() })
		if !reached {
			return session.VPNHarmIPv6, session.VPNServedNot
		}
	}
	return session.VPNHarmNone, session.VPNServedIPv4
}
