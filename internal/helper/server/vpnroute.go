//go:build linux

package server

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// routeProtocol marks the VPN's routes and rules as ours (rtnetlink(7): above those
// that are given away).
const routeProtocol = 116

// vpnMetric is that of its routes: before what NetworkManager sets up for a network,
// behind what others put first.
const vpnMetric = 50

// What goes past the VPN has three rules, for each network one of a kind, beginning
// with Config.Priority+3:
//
//	5203: to NET lookup main suppress_ifgroup 5203   if not to the VPN: as ever
//	5204: to NET lookup 5254                         out of the physical adapter
//	5205: to SERVER unreachable                      never round and round
//
// So what has a better way than the VPN, as a network of containers, keeps it.
func (c Config) vpnRules(p vpnPlan) (all []netlink.Rule) {
	rule := func(n int, to netip.Prefix) *netlink.Rule {
		r := netlink.NewRule()
		r.Priority, r.Protocol, r.Dst = c.Priority+3+n, routeProtocol, ipnet(to)
		r.Family = netlink.FAMILY_V4
		if to.Addr().Is6() {
			r.Family = netlink.FAMILY_V6
		}
		return r
	}
	for _, to := range p.Past {
		near, past := rule(0, to), rule(1, to)
		near.Table, near.SuppressIfgroup = unix.RT_TABLE_MAIN, c.vpnGroup()
		past.Table = c.Physical
		all = append(all, *near, *past)
	}
	if p.Server.IsValid() {
		last := rule(2, single(p.Server))
		last.Type = unix.RTN_UNREACHABLE
		all = append(all, *last)
	}
	return all
}

// vpnGroup is the group of VPNs' devices.
func (c Config) vpnGroup() int { return c.Priority + 3 }

// ruled are the rules of ours that there are, of whichever priority.
func ruled() (map[piece]netlink.Rule, error) {
	all := map[piece]netlink.Rule{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := listRules(family)
		if err != nil {
			if family == netlink.FAMILY_V6 && without6(err) {
				continue
			}
			return nil, err
		}
		for _, r := range list {
			if r.Protocol == routeProtocol {
				r.Family = family
				all[pieceOf(&r)] = r
			}
		}
	}
	return all, nil
}

// rule adds what lacks of the plan's rules, or of these alone; unrule removes those
// that are not of it.
func (c Config) rule(p vpnPlan, only []piece) error {
	have, err := ruled()
	if err != nil {
		return err
	}
	for _, r := range c.vpnRules(p) {
		if _, ok := have[pieceOf(&r)]; ok || only != nil && !slices.Contains(only, pieceOf(&r)) {
			continue
		}
		if err := netlink.RuleAdd(&r); err != nil && !errors.Is(err, unix.EEXIST) && !(r.Family == netlink.FAMILY_V6 && without6(err)) {
			return fmt.Errorf("add the rule for %v: %w", r.Dst, err)
		}
	}
	return nil
}

func (c Config) unrule(p vpnPlan) error {
	have, err := ruled()
	if err != nil {
		return err
	}
	for _, r := range c.vpnRules(p) {
		delete(have, pieceOf(&r))
	}
	for _, r := range have {
		if err := netlink.RuleDel(&r); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove the rule for %v: %w", r.Dst, err)
		}
	}
	return nil
}

// routed are the routes of ours that lead to the device.
func routed(index int) (map[netip.Prefix]netlink.Route, error) {
	all := map[netip.Prefix]netlink.Route{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		filter := &netlink.Route{Table: unix.RT_TABLE_MAIN, LinkIndex: index, Protocol: routeProtocol}
		list, err := listRoutes(family, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL)
		if err != nil {
			if family == netlink.FAMILY_V6 && without6(err) {
				continue
			}
			return nil, err
		}
		for _, r := range list {
			if r.Dst == nil {
				continue
			}
			a, _ := netip.AddrFromSlice(r.Dst.IP)
			ones, _ := r.Dst.Mask.Size()
			r.Family = family
			all[netip.PrefixFrom(a, ones)] = r
		}
	}
	return all, nil
}

// addRoutes adds those routes that lack. One that somebody else has, with the same
// metric, stays theirs, and is returned; so are those of IPv6 where that is not here.
func addRoutes(index int, p vpnPlan, routes []netip.Prefix) (theirs []netip.Prefix, without []netip.Prefix, err error) {
	have, err := routed(index)
	if err != nil {
		return nil, nil, err
	}
	for _, to := range routes {
		if _, ok := have[to]; ok {
			continue
		}
		if to.Addr().Is6() && !p.has6(index) {
			without = append(without, to)
			continue
		}
		r := &netlink.Route{LinkIndex: index, Dst: ipnet(to), Table: unix.RT_TABLE_MAIN, Protocol: routeProtocol, Priority: vpnMetric, Scope: netlink.SCOPE_LINK}
		if to.Addr().Is6() {
			r.Scope = netlink.SCOPE_UNIVERSE
		}
		for _, a := range p.Addresses {
			if a.Addr().Is6() == to.Addr().Is6() {
				r.Src = a.Addr().AsSlice()
			}
		}
		switch err := netlink.RouteAdd(r); {
		case err == nil:
		case errors.Is(err, unix.EEXIST):
			theirs = append(theirs, to)
		default:
			return theirs, without, fmt.Errorf("add the route to %v: %w", to, err)
		}
	}
	return theirs, without, nil
}

// has6 says whether the device has the plan's address of IPv6.
func (p vpnPlan) has6(index int) bool {
	return slices.ContainsFunc(p.Addresses, func(a netip.Prefix) bool { return a.Addr().Is6() && has(index, a.Addr()) })
}

// dropRoutes removes the routes of ours that are not of these.
func dropRoutes(index int, keep []netip.Prefix) error {
	have, err := routed(index)
	if err != nil {
		return err
	}
	for to, r := range have {
		if slices.Contains(keep, to) {
			continue
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove the route to %v: %w", to, err)
		}
	}
	return nil
}

// past refuses a VPN whose server is not reached any more beside it.
func past(a netip.Addr, index int) error {
	all, err := netlink.RouteGet(a.AsSlice())
	if err == nil && len(all) > 0 && all[0].LinkIndex != index {
		return nil
	}
	return protocol.Refuse(protocol.Failed, "this machine is in no network by which the VPN's server %v could be reached: connect to one, and try again", a)
}

// lacking are the plan's routes and rules that are not there.
func (c Config) lacking(index int, p vpnPlan, not []netip.Prefix) (all []piece, err error) {
	routes, err := routed(index)
	if err != nil {
		return nil, err
	}
	rules, err := ruled()
	if err != nil {
		return nil, err
	}
	for _, to := range p.Routes {
		if _, ok := routes[to]; !ok && !slices.Contains(not, to) {
			all = append(all, piece{net: to})
		}
	}
	for _, r := range c.vpnRules(p) {
		if _, ok := rules[pieceOf(&r)]; !ok {
			all = append(all, pieceOf(&r))
		}
	}
	return all, nil
}
