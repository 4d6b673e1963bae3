//go:build linux

package server

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/dump"
)

// family is one of the two.
type family struct {
	netlink int
	addr    netip.Addr // of the device
	routes  []netip.Prefix
}

// families splits a record's routes.
func (c Config) families(r record) (all [2]family) {
	all[0] = family{netlink: netlink.FAMILY_V4, addr: c.address(0, r.Slot)}
	all[1] = family{netlink: netlink.FAMILY_V6, addr: c.address(1, r.Slot)}
	for _, p := range r.led() {
		f := &all[0]
		if p.Addr().Is6() {
			f = &all[1]
		}
		f.routes = append(f.routes, p)
	}
	return all
}

func (c Config) table(r record) int { return c.Table + r.Slot }

// lead has the user's packets to r.led() go to the device, by a table that
// rules lead to before any other: a more specific route of the network that the
// machine is in does not win. Routes that were there and are not wanted go. A
// rule is for the user's sockets, another for what the kernel sends for them
// and for the check that answers come back the same way.
func (c Config) lead(r record) error {
	for _, f := range c.families(r) {
		if err := c.routes(r, f); err != nil {
			return err
		}
		if err := c.rules(r, f); err != nil {
			return err
		}
	}
	return nil
}

// unlead removes the rules and the table's routes.
func (c Config) unlead(r record) error {
	r.Routes, r.Networks, r.Index = nil, nil, 0
	return c.lead(r)
}

func (c Config) routes(r record, f family) error {
	old, err := listRoutes(f.netlink, &netlink.Route{Table: c.table(r)}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return err
	}
	for _, p := range f.routes {
		if f.netlink == netlink.FAMILY_V6 && !has(r.Index, f.addr) {
			break // a machine without IPv6
		}
		route := &netlink.Route{LinkIndex: r.Index, Dst: ipnet(p), Src: f.addr.AsSlice(), Table: c.table(r), Scope: netlink.SCOPE_LINK}
		if f.netlink == netlink.FAMILY_V6 {
			route.Scope = netlink.SCOPE_UNIVERSE
		}
		if err := netlink.RouteReplace(route); err != nil {
			return fmt.Errorf("add the route to %v: %w", p, err)
		}
	}
	for _, o := range old {
		if !slices.ContainsFunc(f.routes, func(p netip.Prefix) bool { return o.Dst != nil && o.Dst.String() == p.String() }) {
			o.Family = f.netlink
			if err := netlink.RouteDel(&o); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("remove the route to %v: %w", o.Dst, err)
			}
		}
	}
	return nil
}

// has says whether the device has the address.
func has(index int, a netip.Addr) bool {
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return false
	}
	all, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_ALL) })
	return err == nil && slices.ContainsFunc(all, func(o netlink.Addr) bool { return o.IP.Equal(a.AsSlice()) })
}

// rules has exactly the rules to the user's table.
func (c Config) rules(r record, f family) error {
	var want []*netlink.Rule
	for _, p := range f.routes {
		want = append(want, c.rulesTo(r, f, p)...)
	}
	return setRules(f.netlink, want, func(o netlink.Rule) bool { return o.Table == c.table(r) })
}

// rulesTo are those for one network.
func (c Config) rulesTo(r record, f family, p netip.Prefix) []*netlink.Rule {
	user, reply := netlink.NewRule(), netlink.NewRule()
	user.UIDRange = netlink.NewRuleUIDRange(r.UID, r.UID)
	reply.Src = ipnet(netip.PrefixFrom(f.addr, f.addr.BitLen()))
	for _, rule := range []*netlink.Rule{user, reply} {
		rule.Priority, rule.Table, rule.Dst = c.Priority, c.table(r), ipnet(p)
	}
	return []*netlink.Rule{user, reply}
}

// setRules has exactly the rules that are wanted, of those that are ours.
func setRules(family int, want []*netlink.Rule, ours func(netlink.Rule) bool) error {
	old, err := listRules(family)
	if err != nil {
		if family == netlink.FAMILY_V6 && without6(err) {
			return nil
		}
		return err
	}
	old = slices.DeleteFunc(old, func(o netlink.Rule) bool { return !ours(o) })
	for _, w := range want {
		if slices.ContainsFunc(old, func(o netlink.Rule) bool { return sameRule(o, *w) }) {
			continue
		}
		w.Family = family
		if err := netlink.RuleAdd(w); err != nil && !errors.Is(err, unix.EEXIST) && !(family == netlink.FAMILY_V6 && without6(err)) {
			return fmt.Errorf("add the rule for %v: %w", w.Dst, err)
		}
	}
	for _, o := range old {
		if !slices.ContainsFunc(want, func(w *netlink.Rule) bool { return sameRule(o, *w) }) {
			o.Family = family
			if err := netlink.RuleDel(&o); err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("remove the rule for %v: %w", o.Dst, err)
			}
		}
	}
	return nil
}

// listRoutes and listRules are the kernel's.
func listRoutes(family int, filter *netlink.Route, mask uint64) ([]netlink.Route, error) {
	all, err := dump.Whole(func() ([]netlink.Route, error) { return netlink.RouteListFiltered(family, filter, mask) })
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return all, nil
}

func listRules(family int) ([]netlink.Rule, error) {
	all, err := dump.Whole(func() ([]netlink.Rule, error) { return netlink.RuleListFiltered(family, nil, 0) })
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	return all, nil
}

func sameRule(a, b netlink.Rule) bool {
	if a.Src.String() != b.Src.String() || a.Dst.String() != b.Dst.String() || a.Priority != b.Priority || (a.UIDRange == nil) != (b.UIDRange == nil) {
		return false
	}
	return a.UIDRange == nil || *a.UIDRange == *b.UIDRange
}

// block has programs learn at once that the device is gone: routes are
// unreachable for everybody, in the main table and behind every other route
// there, and networks for the user, by rules behind those that lead to the
// device. old is what was, of which r may have less.
func (c Config) block(r, old record) error {
	route := func(p netip.Prefix) *netlink.Route {
		return &netlink.Route{Dst: ipnet(p), Type: unix.RTN_UNREACHABLE, Table: unix.RT_TABLE_MAIN, Priority: blockMetric(r)}
	}
	for _, p := range r.Routes {
		if err := netlink.RouteReplace(route(p)); err != nil && !(p.Addr().Is6() && without6(err)) {
			return fmt.Errorf("block %v: %w", p, err)
		}
	}
	for _, p := range old.Routes {
		if slices.Contains(r.Routes, p) {
			continue
		}
		if err := netlink.RouteDel(route(p)); err != nil && !errors.Is(err, unix.ESRCH) && !(p.Addr().Is6() && without6(err)) {
			return fmt.Errorf("unblock %v: %w", p, err)
		}
	}
	r.Routes = nil
	own := *netlink.NewRuleUIDRange(r.UID, r.UID)
	for _, f := range c.families(r) {
		var want []*netlink.Rule
		for _, p := range f.routes {
			want = append(want, c.blockRule(r, p))
		}
		if err := setRules(f.netlink, want, func(o netlink.Rule) bool {
			return o.Priority == c.Priority+1 && o.UIDRange != nil && *o.UIDRange == own
		}); err != nil {
			return err
		}
	}
	return nil
}

// blockMetric is that of a user's routes behind all others; blockRule is the rule for
// a network of a user's.
func blockMetric(r record) int { return math.MaxInt32 - r.Slot }

func (c Config) blockRule(r record, p netip.Prefix) *netlink.Rule {
	rule := netlink.NewRule()
	rule.UIDRange, rule.Priority, rule.Type, rule.Dst = netlink.NewRuleUIDRange(r.UID, r.UID), c.Priority+1, unix.RTN_UNREACHABLE, ipnet(p)
	return rule
}
