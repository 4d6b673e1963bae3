package dnssplit

import (
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/session"
)

// foreign is for a name that we are not asked for, or not to answer.
func (s *Split) foreign(l *session.Lookup, fact *session.DNSFact) {
	what := "It is none of yours: "
	if s.leads(l) {
		what, l.Fix = "It is an application's name, and Tidegate does not answer for it: ", "Until that is mended, "+otherwise(l)
		if p := fact.Problem; p != nil {
			l.Fix = p.Title + ". " + l.Fix
		}
	}
	found := resolver.Match(s.upstreams(fact), l.Name)
	switch {
	case len(found) > 0:
		through(l, fact, found[0], what)
	case fact.All:
		l.Answers, l.Servers = session.AnswerNobody, server(fact)
		l.Why = what + "every lookup of this machine comes to Tidegate, which knows nobody to pass it on to."
		if l.Fix == "" {
			l.Fix = "See whether the network that the machine is in, if it is in one, has name servers."
		}
	default:
		l.Answers, l.Adapter = session.AnswerNetwork, fact.Adapter
		l.Why = what + "this system asks the servers of the network that it is in, and not Tidegate."
		longest := 0
		for _, c := range l.Competitors {
			if n := len(c.Domain); n > longest {
				longest = n
				l.Answers, l.Adapter = session.AnswerVPN, c.Adapter
				l.Why = what + "this system asks " + c.Who() + ", which has claimed " + c.What() + "."
			}
		}
	}
}

// through is for a name that upstream u is asked for.
func through(l *session.Lookup, fact *session.DNSFact, u resolver.Upstream, what string) {
	l.Servers, l.Adapter = u.Servers, u.Device
	l.Answers = session.AnswerNetwork
	by := "the servers of the network that the machine is in"
	switch {
	case len(u.Domains) > 0:
		l.Answers, by = session.AnswerVPN, "the servers of a VPN, which names below "+zoneOf(l.Name, u.Domains)+" belong to"
	case fact.Adapter != "" && l.Adapter != "" && l.Adapter != fact.Adapter:
		l.Answers, by = session.AnswerVPN, "the servers of a VPN, which wants all names"
	}
	l.Why = what + "this system asks, and not Tidegate, " + by
	if fact.All {
		l.Why = what + "every lookup of this machine comes to Tidegate, which passes this one on, unchanged, to " + by
	}
	if l.Adapter != "" {
		l.Why += ", through " + l.Adapter
	}
	l.Why += "."
}
