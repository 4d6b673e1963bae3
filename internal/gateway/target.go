package gateway

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// target is a flow's destination, decided once, in its only spelling.
type target struct {
	name     string     // lower case, without a trailing dot; empty for an address
	addr     netip.Addr // valid where name is empty
	port     uint16
	protocol wire.Protocol // empty: TCP
	led      bool          // a name led to addr
}

// transport is the protocol, spelt out.
func (t target) transport() wire.Protocol { return cmp.Or(t.protocol, wire.TCP) }

// address says whether the client gave an address.
func (t target) address() bool { return t.name == "" && !t.led }

// String is host:port.
func (t target) String() string { return net.JoinHostPort(t.host(), strconv.Itoa(int(t.port))) }

func (t target) host() string {
	if t.name != "" {
		return t.name
	}
	return t.addr.String()
}

// parseTarget reads the authority of a CONNECT request strictly: what two
// parsers might read differently is refused (userinfo, zones, IPv4 in hex, octal
// or IPv6, white space, names beyond ASCII).
func parseTarget(authority string) (target, error) {
	bad := func(why string) (target, error) {
		return target{}, fmt.Errorf("the destination %q %s", clip(authority), why)
	}
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 {
		return bad("has no port")
	}
	host, p := authority[:colon], authority[colon+1:]
	port, ok := parsePort(p)
	if !ok {
		return bad("has no port between 1 and 65535")
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		if !ok || err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" {
			return bad("is no plain IPv6 address")
		}
		return target{addr: a, port: port}, nil
	}
	name, addr, err := parseHost(host)
	if err != nil {
		return bad(err.Error())
	}
	return target{name: name, addr: addr, port: port}, nil
}

func parsePort(s string) (uint16, bool) {
	if s == "" || s[0] == '0' || len(s) > 5 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// parseHost reads a name or an IPv4 address.
func parseHost(host string) (name string, addr netip.Addr, err error) {
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return "", a, nil
	}
	name = strings.ToLower(strings.TrimSuffix(host, "."))
	if len(name) > 253 {
		return "", addr, fmt.Errorf("is too long a name")
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return "", addr, fmt.Errorf("is no host name")
		}
		for _, c := range []byte(l) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return "", addr, fmt.Errorf("is no host name")
			}
		}
	}
	// Whatever ends in a number is an IPv4 address to some parser (WHATWG URL,
	// section 3.5), and this one was none of the plain ones.
	if numeric(labels[len(labels)-1]) {
		return "", addr, fmt.Errorf("is an unusual spelling of an address")
	}
	return name, addr, nil
}

func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// clip bounds what a peer sent before it is shown.
func clip(s string) string { return clipTo(s, 80) }

func clipTo(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
