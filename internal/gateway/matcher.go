package gateway

import (
	"math/bits"
	"net/netip"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// matcher finds what the rules of a session's entitlements say of a destination,
// by what they name and not one by one: names and addresses by hash, wildcards by
// one look-up for each domain above a name, networks by one for each length of
// prefix that occurs. Only rules of which not all
// is known (rule.loose) are gone through. It belongs to whoever owns the session,
// who also changes the rules; data that flows asks for leases only.
type matcher struct {
	names map[string][]*indexed
	below map[string][]*indexed // by the domain of their wildcards
	found map[netip.Addr][]*indexed
	// behind counts for addresses to which no other name led.
	behind   map[netip.Addr][]*indexed
	networks map[netip.Prefix][]*indexed
	lengths  lengths // of the networks
	loose    []*indexed
	// of are the rules of each entitlement that stand in the maps.
	of map[*entitlement][]indexed
	// stale are the entitlements whose rules have been made anew.
	stale []*entitlement
}

// indexed is a rule with its entitlement.
type indexed struct {
	*rule
	e *entitlement
}

// says is what an entitlement's rules say of a target.
type says uint8

// The answers. A rule that refuses covers all where it is not known what it
// names; one that allows, and one that is to alert, only what it is known to mean.
const (
	saysAllow   says = 1 << iota // an allow rule covers it
	saysExclude                  // an exclude rule does
	saysBlock                    // a block or alert rule does
	saysAlert                    // trying it is to raise an alert
	saysLiteral                  // an allow rule names exactly that address, not only a network around it or a name that leads there
	saysPending                  // it is not known yet
	saysScript                   // a script may name it
)

// allows says whether the entitlement's rules allow the target, for what they
// exclude.
func (s says) allows() bool       { return s&(saysAllow|saysExclude) == saysAllow }
func (s says) has(what says) bool { return s&what != 0 }

// match is the entitlements whose rules say anything of a target, in their order.
type match []hit

type hit struct {
	e    *entitlement
	says says
	// near is how closely its allow rules name the target: exactly, or else the
	// length of the longest domain that it is below.
	near int
}

// exactly is nearer than any wildcard.
const exactly = 1 << 16

// nearest is how closely the target is named by those that allow it. An entitlement
// that names it less so does not give it: whoever is to have wiki.corp.example by
// conditions of its own does not get it by *.corp.example without.
func (m match) nearest() int {
	near := 0
	for _, h := range m {
		if h.says.allows() {
			near = max(near, h.near)
		}
	}
	return near
}

// gives says whether e gives the target, for its conditions and what blocks it.
func (m match) gives(e *entitlement) bool {
	near := m.nearest()
	return slices.ContainsFunc(m, func(h hit) bool { return h.e == e && h.says.allows() && h.near == near })
}

// of is what e's rules say.
func (m match) of(e *entitlement) says {
	for _, h := range m {
		if h.e == e {
			return h.says
		}
	}
	return 0
}

// blocker is the entitlement whose rules refuse the target: first one that is to
// raise an alert, whatever its conditions. Not ok: none does.
func (m match) blocker() (found hit, ok bool) {
	for _, h := range m {
		if h.says.has(saysAlert) {
			return h, true
		}
		if !ok && h.says.has(saysBlock) {
			found, ok = h, true
		}
	}
	return found, ok
}

// change has e's rules looked at again.
func (m *matcher) change(e *entitlement) {
	if !e.stale {
		e.stale = true
		m.stale = append(m.stale, e)
	}
}

// forget takes e's rules out.
func (m *matcher) forget(e *entitlement) {
	if e.stale {
		e.stale = false
		m.stale = slices.DeleteFunc(m.stale, func(o *entitlement) bool { return o == e })
	}
	m.remove(e)
}

// shrink gives the maps back: the rules are read again when they are asked.
func (m *matcher) shrink() {
	stale := m.stale
	for e := range m.of {
		if !e.stale {
			e.stale = true
			stale = append(stale, e)
		}
	}
	*m = matcher{stale: stale}
}

// match asks the rules.
func (m *matcher) match(t target) match {
	for _, e := range m.stale {
		e.stale = false
		m.remove(e)
		m.add(e)
	}
	m.stale = nil
	var out match
	for _, r := range m.loose {
		if r.concerns(t) {
			out = out.add(r.e, r.guesses(t), 0)
		}
	}
	named := func(in []*indexed, literal bool, near int) {
		for _, r := range in {
			if r.concerns(t) {
				out = out.add(r.e, r.means(literal), near)
			}
		}
	}
	if t.name != "" {
		named(m.names[t.name], false, exactly)
		if len(m.below) > 0 {
			for domain := range wire.Above(t.name) {
				named(m.below[domain], false, len(domain))
			}
		}
		return out.merge()
	}
	named(m.found[t.addr], false, exactly)
	if !t.led {
		named(m.behind[t.addr], false, exactly)
	}
	if t.addr.IsValid() && t.addr.Zone() == "" {
		for n := range m.lengths.all(t.addr) {
			p, _ := t.addr.Prefix(n) // a length of its family
			named(m.networks[p], n == t.addr.BitLen(), exactly)
		}
	}
	return out.merge()
}

func (m match) add(e *entitlement, s says, near int) match {
	if s == 0 {
		return m
	}
	if !s.has(saysAllow) {
		near = 0
	}
	return append(m, hit{e, s, near})
}

// merge makes one of what each entitlement's rules say.
func (m match) merge() match {
	if len(m) < 2 {
		return m
	}
	slices.SortFunc(m, func(a, b hit) int { return a.e.index - b.e.index })
	out := m[:1]
	for _, h := range m[1:] {
		if last := &out[len(out)-1]; last.e == h.e {
			last.says |= h.says
			last.near = max(last.near, h.near)
		} else {
			out = append(out, h)
		}
	}
	return out
}

// means is what a rule says of a target that it concerns and names.
func (r *rule) means(literal bool) (s says) {
	switch r.effect {
	case wire.EffectAllow:
		s = saysAllow
		if literal {
			s |= saysLiteral
		}
	case wire.EffectExclude:
		s = saysExclude
	case wire.EffectAlert:
		s = saysBlock | saysAlert
	default:
		s = saysBlock
	}
	return s
}

// guesses is what a rule says of a target that it concerns, whatever it names.
func (r *rule) guesses(t target) (s says) {
	if r.unknown || r.hazy && t.address() {
		switch r.effect {
		case wire.EffectAllow:
		case wire.EffectExclude:
			s = saysExclude
		default:
			s = saysBlock
		}
	}
	if r.pending || r.placing && t.address() {
		s |= saysPending
	}
	if r.script != "" {
		s |= saysScript
	}
	return s
}

func (m *matcher) add(e *entitlement) {
	if len(e.rules) == 0 {
		return
	}
	if m.of == nil {
		m.of = map[*entitlement][]indexed{}
	}
	rules := make([]indexed, len(e.rules))
	m.of[e] = rules
	for i := range e.rules {
		rules[i] = indexed{&e.rules[i], e}
		r := &rules[i]
		m.names = put(m.names, r.names, r)
		m.below = put(m.below, r.domains, r)
		m.found = put(m.found, r.found, r)
		m.behind = put(m.behind, r.behind, r)
		m.networks = put(m.networks, r.prefixes, r)
		for _, p := range r.prefixes {
			m.lengths.set(p)
		}
		if r.loose() {
			m.loose = append(m.loose, r)
		}
	}
}

func put[K comparable](into map[K][]*indexed, keys []K, r *indexed) map[K][]*indexed {
	if into == nil && len(keys) > 0 {
		into = make(map[K][]*indexed, len(keys))
	}
	for _, k := range keys {
		into[k] = append(into[k], r)
	}
	return into
}

func (m *matcher) remove(e *entitlement) {
	rules, ok := m.of[e]
	if !ok {
		return
	}
	delete(m.of, e)
	networks := len(m.networks)
	for i := range rules {
		r := &rules[i]
		drop(m.names, r.names, e)
		drop(m.below, r.domains, e)
		drop(m.found, r.found, e)
		drop(m.behind, r.behind, e)
		drop(m.networks, r.prefixes, e)
	}
	m.loose = slices.DeleteFunc(m.loose, func(r *indexed) bool { return r.e == e })
	if len(m.networks) != networks {
		m.lengths = lengths{}
		for p := range m.networks {
			m.lengths.set(p)
		}
	}
}

func drop[K comparable](from map[K][]*indexed, keys []K, e *entitlement) {
	for _, k := range keys {
		if left := slices.DeleteFunc(from[k], func(r *indexed) bool { return r.e == e }); len(left) > 0 {
			from[k] = left
		} else {
			delete(from, k)
		}
	}
}

// lengths is a set of lengths of prefixes, of both families.
type lengths struct {
	four uint64
	six  [3]uint64
}

func (l *lengths) set(p netip.Prefix) {
	if n := p.Bits(); p.Addr().Is4() {
		l.four |= 1 << n
	} else {
		l.six[n/64] |= 1 << (n % 64)
	}
}

// all are the lengths in the family of a.
func (l *lengths) all(a netip.Addr) func(yield func(int) bool) {
	words := [3]uint64{l.four}
	if !a.Is4() {
		words = l.six
	}
	return func(yield func(int) bool) {
		for i, w := range words {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}
