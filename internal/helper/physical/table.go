//go:build linux

// Package physical keeps a routing table that leads out of the physical adapter,
// by which names that are not ours are asked: a classic VPN's program may have
// replaced the default route, and then a socket that is bound to the adapter finds
// no way. The helper's part for names has one Table, which is not safe for
// concurrent use.
//
//	default via 192.168.7.1 dev eth0   and the adapter's other routes   table 5254
//	5202: from all oif eth0 lookup 5254
//
// The rule is for sockets bound to the adapter, and for nobody else. While a VPN of
// ours is up, package server has rules of its own lead there what goes past it.
package physical

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/dump"
)

// Options for New.
type Options struct {
	// Number is the table's, Priority the rule's.
	Number, Priority int
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Table is the routing table.
type Table struct {
	o    Options
	last osdns.Adapter
}

// New is a Table, of which nothing is there yet, or what the last one has left.
func New(o Options) *Table {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Table{o: o}
}

var families = []int{netlink.FAMILY_V4, netlink.FAMILY_V6}

// Keep has the table lead out of the physical adapter as it is now, and says which
// that is; empty: there is none, and nothing leads to the table. Twice is once.
func (t *Table) Keep() (adapter string, err error) {
	if t.last.Name == "" {
		t.remember()
	}
	a, err := osdns.Physical(t.last)
	if err != nil {
		return "", fmt.Errorf("find the physical adapter: %w", err)
	}
	if a.Name == "" { // the last one may come again
		return "", t.Remove()
	}
	if a != t.last {
		t.o.Log.Info("the physical adapter", "name", a.Name, "gateway", a.Gateway, "remembered", a.Remembered)
	}
	t.last = a
	for _, f := range families {
		if err := t.routes(f, a); err != nil {
			return "", err
		}
		if err := t.rule(f, a.Name); err != nil {
			return "", err
		}
	}
	return a.Name, nil
}

// Remove takes the rule and the routes away.
func (t *Table) Remove() error {
	var all []error
	for _, f := range families {
		all = append(all, t.rule(f, ""), t.set(f, nil))
	}
	return errors.Join(all...)
}

// remember takes the last adapter from the table, where it is there: the default
// route may have been replaced since.
func (t *Table) remember() {
	for _, f := range families {
		all, err := list(f, t.o.Number)
		if err != nil {
			continue
		}
		for _, r := range all {
			l, err := netlink.LinkByIndex(r.LinkIndex)
			if err != nil || !whole(r) || len(r.Gw) == 0 {
				continue
			}
			t.last = osdns.Adapter{Name: l.Attrs().Name, Index: r.LinkIndex, Address: address(l)}
			t.last.Gateway, _ = netip.AddrFromSlice(r.Gw)
			t.last.Gateway = t.last.Gateway.Unmap()
			return
		}
	}
}

// address is the first of an adapter that is not of the link alone.
func address(l netlink.Link) netip.Prefix {
	for _, f := range families {
		all, err := netlink.AddrList(l, f)
		if err != nil {
			continue
		}
		for _, a := range all {
			ip, _ := netip.AddrFromSlice(a.IP)
			if ones, _ := a.Mask.Size(); !ip.IsLinkLocalUnicast() {
				return netip.PrefixFrom(ip.Unmap(), ones)
			}
		}
	}
	return netip.Prefix{}
}

// routes has the table lead as the main one does over the adapter; a default route
// that is no longer there stays.
func (t *Table) routes(family int, a osdns.Adapter) error {
	main, err := list(family, unix.RT_TABLE_MAIN)
	if err != nil {
		return err
	}
	var want []netlink.Route
	var best *netlink.Route
	for _, r := range main {
		if r.LinkIndex != a.Index || r.Type != unix.RTN_UNICAST || len(r.MultiPath) > 0 {
			continue
		}
		if !whole(r) {
			want = append(want, r)
		} else if best == nil || r.Priority < best.Priority {
			best = &r
		}
	}
	if best == nil {
		if best, err = t.kept(family, a, want); err != nil {
			return err
		}
	}
	if best != nil {
		want = append(want, *best)
	}
	return t.set(family, want)
}

// kept is a default route over the adapter that the main table no longer has: a VPN
// may have taken one family's only. near are the adapter's other routes.
func (t *Table) kept(family int, a osdns.Adapter, near []netlink.Route) (*netlink.Route, error) {
	if a.Remembered && a.Gateway.IsValid() && a.Gateway.Is4() == (family == netlink.FAMILY_V4) {
		return &netlink.Route{LinkIndex: a.Index, Gw: a.Gateway.AsSlice(), Dst: everything(family), Type: unix.RTN_UNICAST, Family: family}, nil
	}
	old, err := list(family, t.o.Number)
	if err != nil {
		return nil, err
	}
	for _, r := range old {
		if r.LinkIndex == a.Index && whole(r) && (a.Remembered || reached(r.Gw, near)) {
			return &r, nil
		}
	}
	return nil, nil
}

// reached says whether the adapter is in the gateway's network still.
func reached(gateway net.IP, near []netlink.Route) bool {
	return slices.ContainsFunc(near, func(r netlink.Route) bool {
		if len(r.Gw) > 0 || r.Dst == nil {
			return false
		}
		if gateway.To4() == nil && gateway.IsLinkLocalUnicast() { // each network has that one
			return !r.Dst.IP.IsLinkLocalUnicast() && !r.Dst.IP.IsMulticast()
		}
		return r.Dst.Contains(gateway)
	})
}

// set has the table have exactly these routes.
func (t *Table) set(family int, want []netlink.Route) error {
	old, err := list(family, t.o.Number)
	if err != nil {
		return err
	}
	// Networks come before what is reached by way of one.
	slices.SortStableFunc(want, func(a, b netlink.Route) int { return cmp.Compare(len(a.Gw), len(b.Gw)) })
	for i := range want {
		w := &want[i]
		*w = netlink.Route{LinkIndex: w.LinkIndex, Dst: w.Dst, Gw: w.Gw, Via: w.Via, Src: w.Src, Scope: w.Scope, Flags: w.Flags & unix.RTNH_F_ONLINK,
			Priority: w.Priority, MTU: w.MTU, Type: w.Type, Family: family, Table: t.o.Number}
		if w.Dst == nil {
			w.Dst = everything(family)
		}
		if slices.ContainsFunc(old, func(o netlink.Route) bool { return same(o, *w) }) {
			continue
		}
		if err := netlink.RouteReplace(w); err != nil {
			return fmt.Errorf("lead %v out of the physical adapter: %w", w.Dst, err)
		}
	}
	for _, o := range old {
		if slices.ContainsFunc(want, func(w netlink.Route) bool { return same(o, w) }) {
			continue
		}
		// What RouteReplace took the place of is gone already.
		if err := netlink.RouteDel(&o); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove the route to %v: %w", o.Dst, err)
		}
	}
	return nil
}

// list are a table's routes.
func list(family, table int) ([]netlink.Route, error) {
	all, err := dump.Whole(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		if family == netlink.FAMILY_V6 && without6(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("list the routes: %w", err)
	}
	return all, nil
}

// without6 says whether err is how a kernel without IPv6 answers.
func without6(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT)
}

// whole says whether a route is a default one.
func whole(r netlink.Route) bool {
	if r.Dst == nil {
		return true
	}
	ones, _ := r.Dst.Mask.Size()
	return ones == 0
}

func everything(family int) *net.IPNet {
	if family == netlink.FAMILY_V4 {
		return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	}
	return &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
}

func same(a, b netlink.Route) bool {
	to := func(r netlink.Route) string {
		if whole(r) {
			return ""
		}
		return r.Dst.String()
	}
	return a.LinkIndex == b.LinkIndex && to(a) == to(b) && a.Gw.Equal(b.Gw) && a.Src.Equal(b.Src) && a.MTU == b.MTU &&
		(a.Priority == b.Priority || a.Family == netlink.FAMILY_V6)
}

// rule has sockets bound to the adapter look into the table; empty: none does.
func (t *Table) rule(family int, adapter string) error {
	all, err := dump.Whole(func() ([]netlink.Rule, error) { return netlink.RuleListFiltered(family, nil, 0) })
	if err != nil {
		if family == netlink.FAMILY_V6 && without6(err) {
			return nil
		}
		return fmt.Errorf("list the rules: %w", err)
	}
	there := false
	for _, r := range all {
		if r.Table != t.o.Number || r.Priority != t.o.Priority {
			continue
		}
		if r.OifName == adapter && adapter != "" && !there {
			there = true
			continue
		}
		r.Family = family
		if err := netlink.RuleDel(&r); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove the physical adapter's rule: %w", err)
		}
	}
	if there || adapter == "" {
		return nil
	}
	r := netlink.NewRule()
	r.Family, r.OifName, r.Table, r.Priority = family, adapter, t.o.Number, t.o.Priority
	if err := netlink.RuleAdd(r); err != nil && !errors.Is(err, unix.EEXIST) && !(family == netlink.FAMILY_V6 && without6(err)) {
		return fmt.Errorf("add the physical adapter's rule: %w", err)
	}
	return nil
}

// Filtered says whether the kernel would drop a server's answer that comes by the
// adapter: rp_filter is strict there, and other packets to the server leave by
// another way.
func Filtered(adapter string, server netip.Addr) bool {
	if adapter == "" || !server.Is4() || server.IsLoopback() || strings.Contains(adapter, "/") {
		return false
	}
	strictest := 0
	for _, name := range []string{"all", adapter} {
		b, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + name + "/rp_filter")
		if err != nil {
			return false
		}
		// The higher of both counts: 1 is strict, 2 is loose.
		strictest = max(strictest, int(b[0]-'0'))
	}
	if strictest != 1 {
		return false
	}
	l, err := netlink.LinkByName(adapter)
	if err != nil {
		return false
	}
	routes, err := netlink.RouteGet(server.AsSlice())
	return err == nil && len(routes) > 0 && routes[0].LinkIndex != l.Attrs().Index
}
