package proxy

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// Why a destination cannot be read. What two parsers might read differently is
// refused, as the gateway refuses it: userinfo, zones, IPv4 in hex, octal or
// IPv6, white space, names beyond ASCII.
var (
	errPort    = errors.New("it has no port between 1 and 65535")
	errIPv6    = errors.New("it is no plain IPv6 address")
	errName    = errors.New("it is no host name")
	errLong    = errors.New("the name is too long")
	errUnusual = errors.New("it is an unusual spelling of an address")
)

// parseAuthority reads host:port; fallback, where it is not 0, is the port of
// one without.
func parseAuthority(s string, fallback uint16) (front.Target, error) {
	t := front.Target{Port: fallback, Protocol: wire.TCP}
	host := s
	if colon := strings.LastIndexByte(s, ':'); colon > strings.LastIndexByte(s, ']') {
		var ok bool
		if t.Port, ok = parsePort(s[colon+1:]); !ok {
			return t, errPort
		}
		host = s[:colon]
	}
	if t.Port == 0 {
		return t, errPort
	}
	var err error
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		if !ok || err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" {
			return t, errIPv6
		}
		t.Host = a.String()
		return t, nil
	}
	t.Host, err = parseHost(host)
	return t, err
}

func parsePort(s string) (uint16, bool) {
	if s == "" || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// parseHost reads a name or an IPv4 address, and returns its only spelling.
func parseHost(host string) (string, error) {
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return a.String(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if len(name) > 253 {
		return "", errLong
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", errName
		}
	}
	// Whatever ends in a number is an IPv4 address to some parser (WHATWG URL,
	// section 3.5), and this one was none of the plain ones.
	last := labels[len(labels)-1]
	if hex, ok := strings.CutPrefix(last, "0x"); ok && strings.Trim(hex, "0123456789abcdef") == "" || strings.Trim(last, "0123456789") == "" {
		return "", errUnusual
	}
	return name, nil
}
