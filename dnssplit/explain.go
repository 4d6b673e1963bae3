package dnssplit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/session"
)

// Explain says who answers a program that looks a name up, and why. Nobody is
// asked for the name, and nothing is given an address for it.
func (s *Split) Explain(name string) (session.Lookup, error) {
	host := plain(strings.TrimSpace(name))
	if err := askable(host); err != nil {
		return session.Lookup{}, err
	}
	s.mu.Lock()
	fact, app := s.last, s.wanted.apps[host]
	s.mu.Unlock()
	l := session.Lookup{Name: host, App: app}
	if fact == nil {
		fact = &session.DNSFact{NameService: session.NameService{Why: "Nobody is signed in."}}
	}
	if at, ok := written(s.o.Hosts, host); ok {
		l.Answers, l.Addresses = session.AnswerFile, at
		l.Why = "It stands in " + s.o.Hosts + ", which programs read before they ask anybody."
		if app != "" || fact.Mode != "" && s.o.Pool.Below(host) {
			l.Fix = "It is an application's name: take it out of that file, or programs go where the file says."
		}
		return l, nil
	}
	for _, c := range fact.Competitors {
		if within(host, c.Domain) {
			l.Competitors = append(l.Competitors, c)
		}
	}
	switch zone := zoneOf(host, fact.Zones); {
	case fact.Mode == "":
		s.untold(&l, fact)
	case zone != "":
		l.Zone = zone
		s.ours(&l, fact)
	case s.reverse(host):
		l.Answers = session.AnswerTidegate
		l.Why = "It asks for the name of an address that stands for an application; Tidegate answers, on this machine."
	default:
		foreign(&l, fact, s.upstreams(fact))
	}
	return l, nil
}

// untold is for where the system asks whom it asked before.
func (s *Split) untold(l *session.Lookup, fact *session.DNSFact) {
	l.Answers = session.AnswerSystem
	l.Why = "Whoever this system asks answers: Tidegate has told it nothing."
	if fact.Why != "" {
		l.Why = fact.Why + " Whoever this system asks answers."
	}
	addrs, known := s.o.Pool.Addrs(l.Name)
	if l.App == "" && !known && !s.o.Pool.Below(l.Name) {
		return
	}
	if fact.Rootless && known {
		l.Addresses = addresses(addrs) // in `tidegate run`
	}
	l.Fix = "It is an application's name: reach it at the address that `tidegate apps` lists, through the proxy (`tidegate proxy`), or by its name in `tidegate run -- PROGRAM`."
	if fact.Rootless {
		l.Fix += " With the helper installed, every program finds it by its name."
	}
}

// ours is for a name that is in a zone of ours.
func (s *Split) ours(l *session.Lookup, fact *session.DNSFact) {
	l.Answers = session.AnswerTidegate
	l.Servers = []netip.AddrPort{netip.AddrPortFrom(fact.Server, 53)}
	asked := fmt.Sprintf("This system asks Tidegate for %s and all below it (%s). ", l.Zone, modes[fact.Mode])
	addrs, known := s.o.Pool.Addrs(l.Name)
	switch {
	case known:
		l.Addresses = addresses(addrs)
		l.Why = asked + "The answer is made on this machine; its address leads to the network device, and the first packet there opens the data channel."
	case s.o.Pool.OnDemand(l.Name):
		l.Why = asked + "It is below a domain of yours: it is given an address when it is looked up."
	default:
		l.Answers = session.AnswerNobody
		l.Why = asked + "None of your applications has this name: there is none, whatever others say."
	}
	for _, c := range l.Competitors {
		if c.Wins {
			l.Why += " But " + who(c) + " has claimed " + c.Domain + " too: this lookup goes there as well, or instead, and the first answer counts."
			l.Fix = "Take " + c.Domain + " out of that program's DNS settings, or disconnect it while you use the applications."
			return
		}
	}
}

// reverse says whether a name is of an address of the pool's.
func (s *Split) reverse(host string) bool { return zoneOf(host, s.o.Pool.Reverse()) != "" }

// explaining is how long the system may take to say whom it asks.
const explaining = 3 * time.Second

// upstreams are whom names that are not ours are asked of, by us or by the system.
func (s *Split) upstreams(fact *session.DNSFact) (all []resolver.Upstream) {
	for _, u := range fact.Upstreams {
		all = append(all, resolver.Upstream{Servers: u.Servers, Device: u.Adapter, Domains: u.Domains})
	}
	if fact.All {
		return all
	}
	ctx, cancel := context.WithTimeout(context.Background(), explaining)
	defer cancel()
	system, err := s.o.Asked(ctx)
	if err != nil {
		s.o.Log.Info("whom the system asks is not known", "error", err)
	}
	for _, u := range system {
		all = append(all, resolver.Upstream{Servers: u.Servers, Device: u.Device, Domains: u.Domains})
	}
	return all
}

// foreign is for a name that is not ours.
func foreign(l *session.Lookup, fact *session.DNSFact, all []resolver.Upstream) {
	found := resolver.Match(all, l.Name)
	if len(found) == 0 {
		l.Answers, l.Adapter = session.AnswerNetwork, fact.Adapter
		l.Why = "It is none of yours: this system asks the servers of the network that it is in, and not Tidegate."
		for _, c := range l.Competitors {
			l.Answers, l.Adapter = session.AnswerVPN, c.Adapter
			l.Why = "It is none of yours: this system asks " + who(c) + ", which has claimed " + c.Domain + "."
		}
		return
	}
	l.Servers, l.Adapter = found[0].Servers, found[0].Device
	l.Answers = session.AnswerNetwork
	by := "the servers of the network that the machine is in"
	if len(found[0].Domains) > 0 {
		l.Answers, by = session.AnswerVPN, "the servers of a VPN, which names below "+zoneOf(l.Name, found[0].Domains)+" belong to"
	}
	if len(found[0].Domains) == 0 && fact.Adapter != "" && l.Adapter != "" && l.Adapter != fact.Adapter {
		l.Answers, by = session.AnswerVPN, "the servers of a VPN, which wants all names"
	}
	l.Why = "It is none of yours: this system asks, and not Tidegate, " + by
	if fact.All {
		l.Why = "It is none of yours: every lookup of this machine comes to Tidegate, which passes this one on, unchanged, to " + by
	}
	if l.Adapter != "" {
		l.Why += ", through " + l.Adapter
	}
	l.Why += "."
}

// modes say how the system was told.
var modes = map[string]string{
	"resolved-delegate": "systemd-resolved, by a delegate of its own",
	"resolved-link":     "systemd-resolved, by a link of its own",
	"resolvconf":        "resolvconf",
	"openresolv":        "openresolv",
	"direct":            "/etc/resolv.conf",
}

func who(c session.Competitor) string {
	switch {
	case c.Program != "" && c.Adapter != "":
		return c.Program + " (adapter " + c.Adapter + ")"
	case c.Program != "":
		return c.Program
	}
	return "the adapter " + c.Adapter
}

// zoneOf is the longest of zones that a host is, or is below; empty: none.
func zoneOf(host string, zones []string) (longest string) {
	for _, z := range zones {
		if within(host, z) && len(z) > len(longest) {
			longest = z
		}
	}
	return longest
}

// within says whether a host is a domain, or is below it. All are below ".".
func within(host, domain string) bool {
	return domain == "." || domain == "" || host == domain || strings.HasSuffix(host, "."+domain)
}

func addresses(pair [2]netip.Addr) (all []netip.Addr) {
	for _, a := range pair {
		if a.IsValid() {
			all = append(all, a)
		}
	}
	return all
}

var errName = errors.New("that is no name that can be looked up: one is like wiki.corp.example")

// askable refuses what cannot be in a question.
func askable(host string) error {
	if host == "" || len(host) > 253 {
		return errName
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return errors.New("that is an address: nobody is asked for it")
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == ':' }) {
			return errName
		}
	}
	return nil
}

// written are the addresses that a hosts file has for a name.
func written(path, host string) (all []netip.Addr, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			if plain(name) == host {
				all, ok = append(all, a), true
				break
			}
		}
	}
	return all, ok
}
