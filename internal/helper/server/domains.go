//go:build linux

package server

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// local are names that mean something on this machine or its link alone, or that
// nobody answers for (RFC 6761, RFC 6762, RFC 7686).
var local = []string{"local", "localhost", "invalid", "onion", "arpa"}

// domain refuses what no file may have users' clients answer for: this machine's
// own names, and domains below which anybody may have names.
func domain(d string) error {
	if !protocol.Domain(d) {
		return fmt.Errorf("%.80q is no domain in lower case, without dots around it", d)
	}
	last := d[strings.LastIndexByte(d, '.')+1:]
	suffix, icann := publicsuffix.PublicSuffix(d)
	switch {
	case slices.Contains(local, last):
		return fmt.Errorf("%s is not for others to answer for", d)
	case strings.Trim(last, "0123456789") == "":
		return fmt.Errorf("%s looks like an address", d)
	case suffix == d && (icann || strings.Contains(d, ".")):
		return fmt.Errorf("anybody may have names below %s", d)
	}
	return nil
}

// domains are those of the zones that the system is told of: what the
// administrator's list has, or without one what has two labels, and of addresses
// the zones of prefixes. left are the others.
func (c Config) domains(zones []string, here []netip.Prefix) (ours []string, left map[protocol.Code][]string) {
	left = map[protocol.Code][]string{}
	told := 0
	for _, z := range zones {
		code := c.zone(z, here)
		if code == "" {
			ours = append(ours, z)
		} else if told++; told <= protocol.MaxRoutes {
			left[code] = append(left[code], z)
		}
	}
	return ours, left
}

// zone says why one is left out; empty: it is not.
func (c Config) zone(z string, here []netip.Prefix) protocol.Code {
	if p, ok := resolver.Network(z); ok {
		switch {
		case possible(p) != nil, !slices.ContainsFunc(c.Prefixes, func(a netip.Prefix) bool { return a.Overlaps(p) && a.Bits() <= p.Bits() }):
			return protocol.Outside
		case slices.ContainsFunc(here, p.Overlaps):
			return protocol.Conflict
		}
		return ""
	}
	switch {
	case domain(z) != nil:
		return protocol.Outside
	case len(c.Domains) == 0 && !strings.Contains(z, "."):
		return protocol.Outside
	case len(c.Domains) > 0 && !slices.ContainsFunc(c.Domains, func(d string) bool { return z == d || strings.HasSuffix(z, "."+d) }):
		return protocol.Outside
	}
	return ""
}

// checkDomains is Config.check's part for domains.
func (c Config) checkDomains() error {
	var bad []error
	if len(c.Domains) > protocol.MaxDomains {
		bad = append(bad, fmt.Errorf("domains: there are %d, want at most %d", len(c.Domains), protocol.MaxDomains))
	}
	for i, d := range c.Domains {
		if err := domain(d); err != nil {
			bad = append(bad, fmt.Errorf("domains: %w", err))
		}
		if slices.Contains(c.Domains[:i], d) {
			bad = append(bad, fmt.Errorf("domains: %s is there twice", d))
		}
	}
	return errors.Join(bad...)
}
