package gateway

import (
	"maps"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// watch tells the resolver which names the session's rules have.
func (s *session) watch() {
	want := map[lookup]struct{}{}
	for _, e := range s.entitlements {
		s.names(e, want)
	}
	if !maps.Equal(want, s.lookups) {
		s.g.resolver.watch(s, s.lookups, want)
		s.lookups = want
	}
}

// names adds those of an entitlement's rules, and the targets of services.
func (s *session) names(e *entitlement, into map[lookup]struct{}) {
	for _, a := range e.actions {
		lookups(a.Hosts, into)
		if t := s.tasks[key(wire.ScriptEntitlement, a.Script)]; t != nil {
			lookups(t.hosts, into)
		}
	}
	for l := range into {
		if l.service {
			a, _, _ := s.g.resolver.find(l)
			for _, name := range a.names {
				into[lookup{name: name}] = struct{}{}
			}
		}
	}
}

// resolved takes what a name leads to now: flows to where it no longer leads are
// cut. The first answer is no change.
func (s *session) resolved(l lookup, first bool) {
	var in []*entitlement
	for _, e := range s.entitlements {
		mine := map[lookup]struct{}{}
		s.names(e, mine)
		if _, ok := mine[l]; ok {
			in = append(in, e)
			if first {
				s.watch()
				s.compile(e)
			} else {
				s.recompile(e, wire.TriggerResolver, l.name)
			}
		}
	}
	s.withdraw(wire.TriggerResolver)
	s.stray(l)
	if !first && len(in) > 0 {
		s.judge(in, 0, wire.TriggerResolver, true)
	}
	s.announce()
}

// stray cuts the flows by that name to an address where it does not lead.
func (s *session) stray(l lookup) {
	a, known, _ := s.g.resolver.find(l)
	if l.service {
		return
	}
	for _, e := range s.entitlements {
		for f := range e.flows {
			if f.target.name == l.name && f.addr.IsValid() && !(known && slices.Contains(a.addrs, f.addr)) {
				s.cutOne(e, f, wire.TriggerResolver)
			}
		}
	}
}
