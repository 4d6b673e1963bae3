package dnssplit

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// Explain says who answers a program that looks a name up, and why. Nobody is
// asked for the name, and nothing is given an address for it.
func (s *Split) Explain(name string) (session.Lookup, error) {
	host, err := question(name)
	if err != nil {
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
		l.Why = lang.F("It stands in %s, which programs read before they ask anybody.", s.o.Hosts)
		if s.leads(&l) {
			l.Fix = lang.T("It is an application's name: take it out of that file, or programs go where the file says.")
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
		l.Answers, l.Servers = session.AnswerTidegate, server(fact)
		l.Why = lang.T("It asks for the name of an address that stands for an application; Tidegate answers, on this machine.")
	default:
		s.foreign(&l, fact)
	}
	if !strings.Contains(host, ".") && l.Answers != session.AnswerTidegate && l.Answers != session.AnswerNobody {
		l.Why += " " + lang.T("Of one label, programs look it up with one of the system's search domains behind it first: explain that, to know of it.")
	}
	return l, nil
}

// leads says whether a name is an application's.
func (s *Split) leads(l *session.Lookup) bool {
	_, known := s.o.Pool.Addrs(l.Name)
	return known || l.App != "" || s.o.Pool.OnDemand(l.Name)
}

// otherwise is how an application is reached whose name is not looked up here.
func otherwise(l *session.Lookup) string {
	if l.App != "" { // which is a listed one
		return lang.T("Reach it at the address that `tidegate apps` lists, through the proxy (`tidegate proxy`), or by its name in `tidegate run -- PROGRAM`.")
	}
	return lang.T("Reach it through the proxy (`tidegate proxy`), or by its name in `tidegate run -- PROGRAM`.")
}

func server(fact *session.DNSFact) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(fact.Server, 53)}
}

// untold is for where the system asks whom it asked before.
func (s *Split) untold(l *session.Lookup, fact *session.DNSFact) {
	l.Answers = session.AnswerSystem
	l.Why = lang.T("Whoever this system asks answers: Tidegate has told it nothing.")
	if fact.Why != "" {
		l.Why = session.Told(fact.Why) + " " + lang.T("Whoever this system asks answers.")
	}
	if !s.leads(l) {
		return
	}
	if addrs, known := s.o.Pool.Addrs(l.Name); fact.Rootless && known {
		l.Addresses = addresses(addrs) // in `tidegate run`
	}
	l.Fix = lang.T("It is an application's name.") + " " + otherwise(l)
	if fact.Rootless {
		l.Fix += " " + lang.T("With the helper installed, every program finds it by its name.")
	}
}

// ours is for a name that is in a zone of ours.
func (s *Split) ours(l *session.Lookup, fact *session.DNSFact) {
	l.Answers, l.Servers = session.AnswerTidegate, server(fact)
	asked := lang.F("This system asks Tidegate for %s and all below it (%s).", l.Zone, lang.T(modes[fact.Mode])) + " "
	addrs, known := s.o.Pool.Addrs(l.Name)
	switch {
	case known:
		l.Addresses = addresses(addrs)
		l.Why = asked + lang.T("The answer is made on this machine; its address leads to the network device, and the first packet there opens the data channel.")
	case s.o.Pool.OnDemand(l.Name):
		l.Why = asked + lang.T("It is below a domain of yours: it is given an address when it is looked up.")
	default:
		l.Answers = session.AnswerNobody
		l.Why = asked + lang.T("None of your applications has this name: there is none, whatever others say.")
	}
	for _, c := range l.Competitors {
		if c.Wins {
			l.Why += " " + lang.F("But %s has claimed %s too: this lookup goes there as well, or instead, and the first answer counts.", c.Who(), c.What())
			l.Fix = lang.F("Take %s out of that program's DNS settings, or disconnect it while you use the applications.", c.What())
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

// modes say how the system was told.
var modes = map[string]string{
	"resolved-delegate": "systemd-resolved, by a delegate of its own",
	"resolved-link":     "systemd-resolved, by a link of its own",
	"resolvconf":        "resolvconf",
	"openresolv":        "openresolv",
	"direct":            "/etc/resolv.conf",
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
