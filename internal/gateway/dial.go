package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// dialTimeout bounds resolving and dialling an application together.
const dialTimeout = 10 * time.Second

// errProhibited: the name leads to a place that only an explicit address or the
// hosts map may lead to.
var errProhibited = errors.New("the name leads to a prohibited address")

// mapped is where the hosts map leads; port 0 keeps the target's.
type mapped struct {
	host string
	port uint16
}

// parseHosts reads the hosts map.
func parseHosts(in map[string]string) (map[string]mapped, error) {
	out := map[string]mapped{}
	for k, v := range in {
		key, port := k, ""
		if host, p, err := net.SplitHostPort(k); err == nil {
			if _, ok := parsePort(p); !ok {
				return nil, fmt.Errorf("hosts: %q has no port between 1 and 65535", k)
			}
			key, port = host, ":"+p
		}
		name, _, err := parseHost(key)
		if err != nil || name == "" {
			return nil, fmt.Errorf("hosts: %q is no name; write for example wiki.corp.example or wiki.corp.example:22", k)
		}
		m, ok := parseMapped(v)
		if !ok {
			return nil, fmt.Errorf("hosts: %q leads to %q; write an address or host:port, for example 10.0.0.7 or 127.0.0.1:9001", k, v)
		}
		out[name+port] = m
	}
	return out, nil
}

func parseMapped(v string) (mapped, bool) {
	if a, err := netip.ParseAddr(v); err == nil {
		return mapped{host: a.String()}, true
	}
	host, p, err := net.SplitHostPort(v)
	if err != nil {
		return mapped{}, false
	}
	port, ok := parsePort(p)
	if _, err := netip.ParseAddr(host); err != nil {
		if name, _, err := parseHost(host); err != nil || name == "" {
			return mapped{}, false
		}
	}
	return mapped{host: host, port: port}, ok
}

// dialer reaches applications.
type dialer struct {
	hosts   map[string]mapped
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	// named yields what a name in the rules leads to; nil: what resolve says.
	named func(ctx context.Context, name string) (answer, error)
	// own are host:port of the gateway and the controller, never dialled.
	own func() []netip.AddrPort
}

// open dials the target. blocked says what the session's policies block; literal
// that its entitlement names exactly this address. at is the address that was
// dialled where only a name server led to it.
func (d *dialer) open(ctx context.Context, t target, literal bool, blocked func(target) bool) (c net.Conn, at netip.Addr, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	at, err = d.reach(ctx, t, literal, blocked, func(to netip.AddrPort) error {
		var err error
		c, err = d.dial(ctx, string(t.transport()), to.String())
		return err
	})
	return c, at, err
}

// reach tries the addresses of the target that may be reached, one after the
// other, until one succeeds. at is as open has it.
func (d *dialer) reach(ctx context.Context, t target, literal bool, blocked func(target) bool, try func(netip.AddrPort) error) (at netip.Addr, err error) {
	to, err := d.lookup(ctx, &t)
	if err != nil {
		return netip.Addr{}, err
	}
	err = errProhibited
	for _, a := range to.addrs {
		a = a.Unmap().WithZone("")
		if !to.trusted && (!literal && d.prohibited(a, t.port) || blocked(target{addr: a, port: t.port, protocol: t.protocol, led: t.name != ""})) {
			continue
		}
		if err = try(netip.AddrPortFrom(a, t.port)); err == nil {
			if t.name == "" || to.trusted {
				a = netip.Addr{}
			}
			return a, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return netip.Addr{}, err
}

// lookup finds the addresses of t. What the hosts map says may change the port.
func (d *dialer) lookup(ctx context.Context, t *target) (answer, error) {
	if t.name == "" {
		return answer{addrs: []netip.Addr{t.addr}}, nil
	}
	if m, ok := d.hosts[t.name+":"+strconv.Itoa(int(t.port))]; ok {
		if m.port != 0 {
			t.port = m.port
		}
		a, err := d.addresses(ctx, m.host)
		a.trusted = true
		return a, err
	}
	if m, ok := d.hosts[t.name]; ok && m.port != 0 {
		t.port = m.port
	}
	if d.named != nil {
		return d.named(ctx, t.name)
	}
	return d.answer(ctx, t.name)
}

// answer is what a name leads to by the hosts map, or else by the name servers.
func (d *dialer) answer(ctx context.Context, name string) (answer, error) {
	m, ok := d.hosts[name]
	if ok {
		name = m.host
	}
	a, err := d.addresses(ctx, name)
	a.trusted = ok
	return a, err
}

func (d *dialer) addresses(ctx context.Context, host string) (answer, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return answer{addrs: []netip.Addr{a}}, nil
	}
	found, err := d.resolve(ctx, host)
	if err == nil && len(found) == 0 {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if err != nil {
		return answer{}, err
	}
	addrs := make([]netip.Addr, len(found)) // the resolver's own list is not ours to sort
	for i, a := range found {
		addrs[i] = a.Unmap().WithZone("")
	}
	return answer{addrs: addrs}, nil
}

// metadata are the cloud metadata services outside the link-local networks.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}

// prohibited says where no name and no network entitlement may lead: to the
// gateway's own machine, the link, the cloud's metadata, the controller.
func (d *dialer) prohibited(a netip.Addr, port uint16) bool {
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return true
	}
	for _, m := range metadata {
		if a == m {
			return true
		}
	}
	for _, o := range d.own() {
		if o.Addr() == a && (o.Port() == 0 || o.Port() == port) {
			return true
		}
	}
	return false
}

// localAddrs are the addresses of this machine.
func localAddrs() []netip.Addr {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			out = append(out, p.Addr().Unmap().WithZone(""))
		}
	}
	return out
}

// refused says whether the application's machine refused the connection.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
