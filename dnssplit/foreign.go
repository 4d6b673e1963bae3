package dnssplit

import (
	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// foreign is for a name that we are not asked for, or not to answer.
func (s *Split) foreign(l *session.Lookup, fact *session.DNSFact) {
	what := lang.T("It is none of yours.") + " "
	if s.leads(l) {
		what, l.Fix = lang.T("It is an application's name, and Tidegate does not answer for it.")+" ", lang.T("Until that is mended:")+" "+otherwise(l)
		if p := fact.Problem; p != nil {
			l.Fix = lang.Told(p.Title) + ". " + l.Fix
		}
	}
	found := resolver.Match(s.upstreams(fact), l.Name)
	switch {
	case len(found) > 0:
		through(l, fact, found[0], what)
	case fact.All:
		l.Answers, l.Servers = session.AnswerNobody, server(fact)
		l.Why = what + lang.T("Every lookup of this machine comes to Tidegate, which knows nobody to pass it on to.")
		if l.Fix == "" {
			l.Fix = lang.T("See whether the network that the machine is in, if it is in one, has name servers.")
		}
	default:
		l.Answers, l.Adapter = session.AnswerNetwork, fact.Adapter
		l.Why = what + lang.T("This system asks the servers of the network that it is in, and not Tidegate.")
		longest := 0
		for _, c := range l.Competitors {
			if n := len(c.Domain); n > longest {
				longest = n
				l.Answers, l.Adapter = session.AnswerVPN, c.Adapter
				l.Why = what + lang.F("This system asks %s, which has claimed %s.", c.Who(), c.What())
			}
		}
	}
}

// through is for a name that upstream u is asked for.
func through(l *session.Lookup, fact *session.DNSFact, u resolver.Upstream, what string) {
	l.Servers, l.Adapter = u.Servers, u.Device
	l.Answers = session.AnswerNetwork
	by := lang.T("the servers of the network that the machine is in")
	switch {
	case len(u.Domains) > 0:
		l.Answers, by = session.AnswerVPN, lang.F("the servers of a VPN, which names below %s belong to", zoneOf(l.Name, u.Domains))
	case fact.Adapter != "" && l.Adapter != "" && l.Adapter != fact.Adapter:
		l.Answers, by = session.AnswerVPN, lang.T("the servers of a VPN, which wants all names")
	}
	if l.Adapter != "" {
		by = lang.F("%s (through %s)", by, l.Adapter)
	}
	if fact.All {
		l.Why = what + lang.F("Every lookup of this machine comes to Tidegate, which passes this one on, unchanged, to these: %s.", by)
		return
	}
	l.Why = what + lang.F("This system asks these, and not Tidegate: %s.", by)
}
