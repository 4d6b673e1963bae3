package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// rules are what the PAC file names: the names, domains, addresses and networks
// that entitlements lead to by TCP, also those that are refused there, and nothing
// else of them. They never change.
type rules struct {
	list []rule
}

// rule is what one entitlement allows, or refuses.
type rule struct {
	// Names are hosts, each behind a dot, with their ports.
	Names map[string][]uint16 `json:"names,omitempty"`
	// Below are domains, each behind a dot, with the ports of all names below them;
	// but for Except, which are names, and ExceptBelow, which are domains again.
	Below       map[string][]uint16 `json:"below,omitempty"`
	Except      map[string][]uint16 `json:"except,omitempty"`
	ExceptBelow map[string][]uint16 `json:"exceptBelow,omitempty"`
	// Nets and Not are networks; an address of Not is none of ours.
	Nets []network `json:"nets,omitempty"`
	Not  []network `json:"not,omitempty"`
}

// network is a prefix: groups of 16 bits, of IPv4 two and of IPv6 eight.
type network struct {
	Groups []uint16 `json:"groups"`
	Bits   int      `json:"bits"`
	Ports  []uint16 `json:"ports"`
}

// newRules compiles what w leads to. A name that is taken out of its
// entitlement is in no rule.
func newRules(w session.Wanted) *rules {
	by, refused := map[wire.EntitlementID]*rule{}, map[wire.EntitlementID]*rule{}
	get := func(by map[wire.EntitlementID]*rule, id wire.EntitlementID) *rule {
		r := by[id]
		if r == nil {
			r = &rule{Names: map[string][]uint16{}, Below: map[string][]uint16{}, Except: map[string][]uint16{}, ExceptBelow: map[string][]uint16{}}
			by[id] = r
		}
		return r
	}
	add := func(by map[wire.EntitlementID]*rule, id wire.EntitlementID, host string, ports []uint16) {
		if n, ok := newNetwork(host, ports); ok {
			r := get(by, id)
			r.Nets = append(r.Nets, n)
		} else if domain, err := wire.Wildcard(host); err == nil {
			r := get(by, id)
			r.Below["."+domain] = append(r.Below["."+domain], ports...)
		} else if name, err := parseHost(host); err == nil {
			r := get(by, id)
			r.Names["."+name] = append(r.Names["."+name], ports...)
		}
	}
	for _, a := range w.Apps {
		add(by, a.Entitlement, a.Host, []uint16{a.Port})
	}
	for _, r := range w.Routes {
		if r.Exclude || r.Protocol != wire.TCP {
			continue
		}
		into := by
		if r.Refused {
			into = refused
		}
		for _, h := range r.Hosts {
			add(into, r.Entitlement, h, r.Ports)
		}
	}
	for _, r := range w.Routes {
		to := by[r.Entitlement]
		if !r.Exclude || r.Protocol != wire.TCP || to == nil {
			continue
		}
		for _, h := range r.Hosts {
			if n, ok := newNetwork(h, r.Ports); ok {
				to.Not = append(to.Not, n)
			} else if domain, err := wire.Wildcard(h); err == nil {
				to.exclude("."+domain, r.Ports)
			} else if name, err := parseHost(h); err == nil {
				to.without("."+name, r.Ports)
				if to.covers("."+name, r.Ports) {
					to.Except["."+name] = append(to.Except["."+name], r.Ports...)
				}
			}
		}
	}
	all := &rules{}
	for _, by := range []map[wire.EntitlementID]*rule{by, refused} {
		for _, id := range slices.Sorted(maps.Keys(by)) {
			all.add(by[id])
		}
	}
	return all
}

// without takes ports from a name.
func (r *rule) without(name string, ports []uint16) {
	r.Names[name] = slices.DeleteFunc(r.Names[name], func(p uint16) bool { return slices.Contains(ports, p) })
	if len(r.Names[name]) == 0 {
		delete(r.Names, name)
	}
}

// exclude takes ports from all names below a domain.
func (r *rule) exclude(domain string, ports []uint16) {
	for name := range r.Names {
		if strings.HasSuffix(name, domain) && name != domain {
			r.without(name, ports)
		}
	}
	wider := r.covers(domain, ports)
	for below := range r.Below {
		wider = wider || strings.HasSuffix(below, domain)
	}
	if wider {
		r.ExceptBelow[domain] = append(r.ExceptBelow[domain], ports...)
	}
}

// covers says whether a wildcard stands for a name on one of the ports: only then
// the file tells of what is taken out.
func (r *rule) covers(name string, ports []uint16) bool {
	for domain, of := range r.Below {
		if strings.HasSuffix(name, domain) && name != domain && slices.ContainsFunc(ports, func(p uint16) bool { return slices.Contains(of, p) }) {
			return true
		}
	}
	return false
}

func (all *rules) add(r *rule) {
	for _, m := range []map[string][]uint16{r.Names, r.Below, r.Except, r.ExceptBelow} {
		for name, ports := range m {
			slices.Sort(ports)
			m[name] = slices.Compact(ports)
		}
	}
	if len(r.Nets) == 0 {
		r.Not = nil
	}
	if len(r.Names)+len(r.Below)+len(r.Nets) > 0 {
		all.list = append(all.list, *r)
	}
}

// newNetwork reads an address or a CIDR.
func newNetwork(host string, ports []uint16) (network, bool) {
	p, err := netip.ParsePrefix(host)
	if err != nil {
		a, err := netip.ParseAddr(host)
		if err != nil || a.Zone() != "" {
			return network{}, false
		}
		a = a.Unmap()
		p = netip.PrefixFrom(a, a.BitLen())
	}
	n := network{Bits: p.Bits(), Ports: ports}
	for b := p.Masked().Addr().AsSlice(); len(b) > 0; b = b[2:] {
		n.Groups = append(n.Groups, uint16(b[0])<<8|uint16(b[1]))
	}
	return n, true
}

// file is the PAC file for a proxy at that address. It asks no resolver: a name
// is one of ours as it is written, or goes direct.
func (r *rules) file(at netip.AddrPort) []byte {
	list, err := json.Marshal(r.list)
	if err != nil || r.list == nil {
		list = []byte("[]") // numbers and plain names are always marshalled
	}
	return fmt.Appendf(nil, strings.TrimPrefix(pacFile, "\n"), list, at)
}

// pacFile is in the oldest JavaScript that still runs in browsers and in what
// other programs read such files with.
const pacFile = `
// Tidegate: what leads to your organisation's applications. All else goes direct.
var rules = %s;

function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/^\[|\]$/g, "").replace(/\.$/, "");
  var port = portOf(url), address = groups(host);
  for (var i = 0; i < rules.length; i++) {
    var r = rules[i];
    if (address ? within(r.nets, address, port) && !within(r.not, address, port) :
        named(r.names, host, port) || below(r.below, host, port) && !named(r.except, host, port) && !below(r.exceptBelow, host, port)) {
      return "PROXY %s";
    }
  }
  return "DIRECT";
}

function portOf(url) {
  var m = /^([a-z][a-z0-9+.\-]*):\/\/(?:[^\/?#@]*@)?(?:\[[^\]]*\]|[^:\/?#]*)(?::(\d*))?/i.exec(url);
  if (!m) {
    return 0;
  }
  if (m[2]) {
    return parseInt(m[2], 10);
  }
  switch (m[1].toLowerCase()) {
  case "http": case "ws": return 80;
  case "https": case "wss": return 443;
  case "ftp": return 21;
  }
  return 0;
}

function has(ports, port) {
  for (var i = 0; i < ports.length; i++) {
    if (ports[i] === port) {
      return true;
    }
  }
  return false;
}

function named(names, host, port) {
  return !!names && Object.prototype.hasOwnProperty.call(names, "." + host) && has(names["." + host], port);
}

function below(domains, host, port) {
  for (var i = host.indexOf(".", 1); domains && i > 0; i = host.indexOf(".", i + 1)) {
    var domain = host.substring(i);
    if (Object.prototype.hasOwnProperty.call(domains, domain) && has(domains[domain], port)) {
      return true;
    }
  }
  return false;
}

function within(nets, address, port) {
  for (var i = 0; nets && i < nets.length; i++) {
    var n = nets[i];
    if (n.groups.length !== address.length || !has(n.ports, port)) {
      continue;
    }
    var same = true;
    for (var g = 0, bits = n.bits; bits > 0; g++, bits -= 16) {
      var shift = bits >= 16 ? 0 : 16 - bits;
      if (n.groups[g] >> shift !== address[g] >> shift) {
        same = false;
        break;
      }
    }
    if (same) {
      return true;
    }
  }
  return false;
}

// groups reads an address, or returns null for a name.
function groups(host) {
  var m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host);
  if (m) {
    return [m[1] * 256 + +m[2], m[3] * 256 + +m[4]];
  }
  if (host.indexOf(":") < 0) {
    return null;
  }
  var halves = host.split("::"), out = [];
  var left = halves[0] ? halves[0].split(":") : [];
  var right = halves.length > 1 && halves[1] ? halves[1].split(":") : [];
  var i;
  for (i = 0; i < left.length; i++) {
    out.push(parseInt(left[i], 16));
  }
  for (i = left.length + right.length; halves.length > 1 && i < 8; i++) {
    out.push(0);
  }
  for (i = 0; i < right.length; i++) {
    out.push(parseInt(right[i], 16));
  }
  return out;
}
`
