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
	if maps.Equal(want, s.lookups) {
		return
	}
	all := maps.Clone(want)
	for _, e := range s.entitlements {
		for name := range e.roaming {
			all[lookup{name: name}] = struct{}{}
		}
	}
	s.g.resolver.watch(s, s.lookups, all)
	s.lookups = want
}

// roam has the name of a flow watched while it lives, where no rule has it in
// full: only a wildcard stands for it. The flow itself finds out where it leads.
func (s *session) roam(f *flow) {
	l := lookup{name: f.target.name}
	if _, ruled := s.lookups[l]; ruled || l.name == "" {
		return
	}
	e := f.entitlement
	if e.roaming == nil {
		e.roaming = map[string]int{}
	}
	if e.roaming[l.name]++; e.roaming[l.name] == 1 {
		s.g.resolver.join(s, l)
	}
	f.roaming = true
}

// unroam is roam's end.
func (s *session) unroam(f *flow) {
	if !f.roaming {
		return
	}
	f.roaming = false
	e, l := f.entitlement, lookup{name: f.target.name}
	if e.roaming[l.name]--; e.roaming[l.name] > 0 {
		return
	}
	delete(e.roaming, l.name)
	_, ruled := s.lookups[l]
	if !ruled && !slices.ContainsFunc(s.entitlements, func(o *entitlement) bool { return o.roaming[l.name] > 0 }) {
		s.g.resolver.watch(s, map[lookup]struct{}{l: {}}, nil)
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
	if _, ruled := s.lookups[l]; !ruled {
		if !first {
			s.stray(l)
		}
		return
	}
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
