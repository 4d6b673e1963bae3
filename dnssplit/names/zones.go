package names

import (
	"maps"
	"slices"
	"strings"
)

// zones are what the names were set to. They never change.
type zones struct {
	hosts, domains map[string]bool
	all            []string        // reduced and sorted
	apexes         map[string]bool // all
	inner          map[string]bool // below a zone or one itself, and above a name
}

func newZones(hosts, domains []string) *zones {
	z := &zones{hosts: map[string]bool{}, domains: map[string]bool{}, apexes: map[string]bool{}, inner: map[string]bool{}}
	every := map[string]bool{}
	for _, h := range hosts {
		if h != "" && len(h) <= longest {
			z.hosts[h] = true
			every[h] = valid(h)
		}
	}
	for _, d := range domains {
		if valid(d) {
			z.domains[d], every[d] = true, true
		}
	}
	for name, asked := range every {
		if asked && !under(every, name) {
			z.apexes[name] = true
		}
	}
	z.all = slices.Sorted(maps.Keys(z.apexes))
	for d := range z.domains {
		z.inner[d] = true
	}
	for name := range every {
		for {
			_, rest, ok := strings.Cut(name, ".")
			if !ok || !z.apexes[rest] && !under(z.apexes, rest) {
				break
			}
			name = rest
			z.inner[name] = true
		}
	}
	return z
}

// covers says whether a name is below a domain.
func (z *zones) covers(name string) bool { return under(z.domains, name) }

// under says whether a name is below one of all.
func under(all map[string]bool, name string) bool {
	if len(all) == 0 {
		return false
	}
	for {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return false
		}
		if all[rest] {
			return true
		}
		name = rest
	}
}

// Zones are the names with all that is below them, without those that are below
// another, sorted. The caller does not change it.
func (p *Pool) Zones() []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.zones.all
}

// Below says whether a host is one of Zones, or below one.
func (p *Pool) Below(host string) bool {
	p.mu.RLock()
	z := p.zones
	p.mu.RUnlock()
	return z.apexes[host] || under(z.apexes, host)
}

// longest is how long a name may be in a question (RFC 1035, section 2.3.4).
const longest = 253

// valid says whether a name is a host's, in lower case: letters, digits, hyphens
// and, for that is in use, underscores that are not a label's first (those are of
// services).
func valid(name string) bool {
	if name == "" || len(name) > longest {
		return false
	}
	label := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case (c == '-' || c == '_') && label > 0:
		default:
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0
}
