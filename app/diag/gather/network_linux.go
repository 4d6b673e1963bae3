package gather

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/dump"
	"github.com/tidegate/tidegate/internal/helper/client"
)

// network lists links, addresses, routes and rules, and looks whether a route
// leads out.
func (r *run) network(context.Context) found {
	var b strings.Builder
	links, err := dump.Whole(netlink.LinkList)
	b.WriteString("# links\n")
	note(&b, err)
	names := map[int]string{}
	for _, l := range links {
		a := l.Attrs()
		names[a.Index] = a.Name
		fmt.Fprintf(&b, "%d %s %s mtu %d %v %s\n", a.Index, a.Name, l.Type(), a.MTU, a.OperState, a.Flags)
	}
	addrs, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	b.WriteString("\n# addresses\n")
	note(&b, err)
	for _, a := range addrs {
		fmt.Fprintf(&b, "%s %s\n", names[a.LinkIndex], a.IPNet)
	}
	b.WriteString("\n# routes, of all tables but that of this machine's own addresses\n")
	out := map[bool]bool{} // by whether it is IPv6
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := dump.Whole(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		})
		note(&b, err)
		for _, route := range routes {
			if route.Table == unix.RT_TABLE_LOCAL {
				continue
			}
			b.WriteString(routeText(route, names))
			if everything(route.Dst) && route.Type == unix.RTN_UNICAST {
				out[family == netlink.FAMILY_V6] = true
			}
		}
	}
	rules, err := dump.Whole(func() ([]netlink.Rule, error) { return netlink.RuleList(netlink.FAMILY_ALL) })
	b.WriteString("\n# rules\n")
	note(&b, err)
	for _, rule := range rules {
		fmt.Fprintf(&b, "%s table %d\n", rule, rule.Table)
	}
	return found{checks: []check{online(out[false], out[true])}, files: []diag.File{{Name: "network.txt", Text: b.String()}}}
}

func note(b *strings.Builder, err error) {
	if err != nil {
		fmt.Fprintf(b, "%v\n", err)
	}
}

// everything says whether a route is for what has no better one.
func everything(dst *net.IPNet) bool {
	if dst == nil {
		return true
	}
	ones, _ := dst.Mask.Size()
	return ones == 0
}

func routeText(r netlink.Route, names map[int]string) string {
	dst := "default"
	if !everything(r.Dst) {
		dst = r.Dst.String()
	}
	text := dst
	if r.Gw != nil {
		text += " via " + r.Gw.String()
	}
	if r.LinkIndex > 0 {
		text += " dev " + names[r.LinkIndex]
	}
	for _, hop := range r.MultiPath {
		text += fmt.Sprintf(" nexthop %v dev %s", hop.Gw, names[hop.LinkIndex])
	}
	if r.Type != unix.RTN_UNICAST {
		text += fmt.Sprintf(" type %d", r.Type)
	}
	return fmt.Sprintf("%s metric %d table %d proto %v\n", text, r.Priority, r.Table, r.Protocol)
}

func online(v4, v6 bool) check {
	c := check{id: "online", title: say("The network"), outcome: diag.Good}
	switch {
	case v4 && v6:
		c.text = say("Routes lead out, for IPv4 and IPv6.")
	case v4:
		c.text = say("A route leads out, for IPv4.")
	case v6:
		c.text = say("A route leads out, for IPv6 alone.")
	default:
		c.is(diag.Warning, say("No route leads out of this machine."), say("Connect it to a network; without one only what lies next to it is reached."))
	}
	return c
}

// helper looks whether the helper answers.
func (r *run) helper(ctx context.Context) found {
	c := check{id: "helper", title: say("The helper"), outcome: diag.Good, text: say("It is there and answers.")}
	err := client.Helper{Socket: r.Helper}.Ping(ctx)
	switch {
	case errors.Is(err, client.ErrAbsent):
		c.is(diag.Warning, say("It is not installed, or this user may not reach it: programs reach applications in other ways alone."),
			say("Open Settings and press Set up beside Helper: an administrator's password is asked for. Where it says Not installed, install Tidegate's package first. Then sign in to this desktop anew. In a terminal, `tidegate settings` says what to type."))
	case err != nil:
		c.is(diag.Bad, say("It does not answer: %s.", plain(err)), say("Have it started again: sudo systemctl restart tidegate-helper"))
	}
	return found{checks: []check{c}}
}
