package gateway

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// compiledRules are one entitlement's, behind a matcher.
type compiledRules struct {
	e *entitlement
	m matcher
}

func compiled(actions []wire.Action, from sources) *compiledRules {
	c := &compiledRules{e: &entitlement{rules: compileRules(actions, from)}}
	c.m.change(c.e)
	return c
}

func (c *compiledRules) says(t target) says    { return c.m.match(t).of(c.e) }
func (c *compiledRules) allows(t target) bool  { return c.says(t).allows() }
func (c *compiledRules) blocks(t target) bool  { return c.says(t).has(saysBlock) }
func (c *compiledRules) alerts(t target) bool  { return c.says(t).has(saysAlert) }
func (c *compiledRules) literal(t target) bool { return c.says(t).has(saysLiteral) }
func (c *compiledRules) pending(t target) bool { return c.says(t).has(saysPending) }

// world makes up actions, what their names lead to, and destinations: few of
// each, so that they meet. Where it is of names, there is nothing else and one port.
type world struct {
	*rand.Rand
	ofNames bool
}

func (w world) pick(from ...string) string { return from[w.IntN(len(from))] }

var worldNames = []string{"a.corp", "b.corp", "c.corp", "d.corp", "x.a.corp", "y.x.a.corp"}

func (w world) wildcard() string {
	return "*." + w.pick("a.corp", "x.a.corp", "b.corp", "x.a.corp.", "corp", "A.corp", "co.uk")
}

func (w world) addr() string {
	return w.pick("10.0.0.1", "10.0.0.2", "10.1.0.1", "192.0.2.1", "2001:db8::1", "2001:db8:1::1", "::ffff:10.0.0.1", "127.0.0.1", "0.0.0.0", "fe80::1%eth0")
}

func (w world) host() string {
	if w.ofNames {
		return []func() string{w.wildcard, func() string { return w.pick(worldNames...) }}[w.IntN(2)]()
	}
	switch w.IntN(10) {
	case 8, 9:
		return w.wildcard()
	case 0, 1:
		return w.pick(worldNames...)
	case 2:
		return w.addr()
	case 3, 4:
		return w.pick("10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/30", "10.0.0.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1/128", "::ffff:10.0.0.0/120", "::ffff:0:0/90", "10.1.0.1/24")
	case 5:
		return "dns://" + w.pick(worldNames...)
	case 6:
		return "srv://_s._tcp." + w.pick(worldNames...)
	}
	return w.pick("*", "A.Corp.", "dns://", "0x7f.1")
}

func (w world) actions() []wire.Action {
	out := make([]wire.Action, w.IntN(6))
	for i := range out {
		a := &out[i]
		a.Effect = wire.Effect(w.pick("allow", "allow", "allow", "block", "alert", "exclude", "odd"))
		a.Protocol = wire.Protocol(w.pick("tcp", "tcp", "tcp", "udp", "icmp", ""))
		for range 1 + w.IntN(2) {
			a.Ports = append(a.Ports, []uint16{22, 80, 443}[w.IntN(3)])
		}
		for range w.IntN(4) {
			a.Hosts = append(a.Hosts, w.host())
		}
		if w.ofNames {
			a.Protocol, a.Ports = wire.TCP, []uint16{443}
		}
		if w.IntN(6) == 0 {
			a.Script = w.pick("one", "two")
		}
	}
	return out
}

func (w world) sources() sources {
	type lead struct {
		a              answer
		known, pending bool
	}
	leads, scripts := map[lookup]lead{}, map[string][]string{}
	for _, n := range worldNames {
		for _, service := range []bool{false, true} {
			l, v := lookup{service: service, name: n}, lead{known: w.IntN(4) > 0, pending: w.IntN(6) == 0}
			if service {
				l.name, v.a.names = "_s._tcp."+n, []string{w.pick(worldNames...)}
			} else {
				v.a.trusted = w.IntN(3) == 0
				for range w.IntN(3) {
					v.a.addrs = append(v.a.addrs, netip.MustParseAddr(w.addr()))
				}
			}
			leads[l] = v
		}
	}
	for _, s := range []string{"one", "two"} {
		for range w.IntN(3) {
			scripts[s] = append(scripts[s], w.host())
		}
	}
	failed := w.IntN(4) == 0
	return sources{
		script: func(name string) ([]string, bool) { return scripts[name], !failed },
		find: func(l lookup) (answer, bool, bool) {
			v := leads[l]
			return v.a, v.known, v.pending
		},
	}
}

func (w world) target() target {
	t := target{port: []uint16{22, 80, 443}[w.IntN(3)], protocol: wire.Protocol(w.pick("", "tcp", "udp", "icmp"))}
	if w.ofNames {
		t.port, t.protocol = 443, wire.TCP
	}
	if w.ofNames || w.IntN(3) == 0 {
		t.name = w.pick(append(worldNames, "z.b.corp", "z.y.x.a.corp", "xa.corp", "corp", "z.co.uk")...)
		return t
	}
	t.addr, t.led = netip.MustParseAddr(w.addr()), w.IntN(3) == 0
	if w.IntN(20) == 0 {
		t.addr = netip.Addr{}
	}
	return t
}

// TestMatcherAgrees: whatever the rules are, and however they changed before, the
// matcher says of each destination what the rules say that are read one by one.
func TestMatcherAgrees(t *testing.T) {
	for seed := range uint64(400) {
		w := world{rand.New(rand.NewPCG(seed, 1)), seed%3 == 0}
		var m matcher
		var all []*entitlement
		linear := map[*entitlement]linearRules{}
		for step := range 12 {
			from := w.sources()
			switch {
			case len(all) > 0 && w.IntN(5) == 0: // one is taken away
				i := w.IntN(len(all))
				m.forget(all[i])
				all = slices.Delete(all, i, i+1)
			case len(all) < 4:
				all = append(all, &entitlement{})
			}
			for i, e := range all {
				e.index = i
				if actions := w.actions(); e.rules == nil || w.IntN(2) == 0 {
					e.rules, linear[e] = compileRules(actions, from), compileLinear(actions, from)
					m.change(e)
				}
			}
			if w.IntN(4) == 0 {
				m.shrink()
			}
			for range 40 {
				tg := w.target()
				got := m.match(tg)
				if !slices.IsSortedFunc(got, func(a, b hit) int { return a.e.index - b.e.index }) {
					t.Fatalf("seed %d step %d: %+v comes in disorder", seed, step, tg)
				}
				var first, alert *entitlement
				near := 0
				for _, e := range all {
					near = max(near, linear[e].near(tg))
				}
				for _, e := range all {
					if got, want := got.gives(e), near > 0 && linear[e].near(tg) == near; got != want {
						t.Fatalf("seed %d step %d, %+v: gives %v, want %v\n%+v", seed, step, tg, got, want, linear)
					}
					l, is := linear[e], got.of(e)
					want := [...]bool{l.allows(tg), l.blocks(tg), l.alerts(tg), l.excludes(tg), l.literal(tg), l.pending(tg), l.scripted(tg)}
					have := [...]bool{is.allows(), is.has(saysBlock), is.has(saysAlert), is.has(saysExclude), is.has(saysLiteral), is.has(saysPending), is.has(saysScript)}
					if want != have {
						t.Fatalf("seed %d step %d, %+v: allows, blocks, alerts, excludes, literal, pending, scripted: %v, want %v\n%+v", seed, step, tg, have, want, l)
					}
					if alert == nil && l.alerts(tg) {
						alert = e
					}
					if first == nil && l.blocks(tg) {
						first = e
					}
				}
				if alert != nil {
					first = alert
				}
				if by, ok := got.blocker(); ok != (first != nil) || by.e != first {
					t.Fatalf("seed %d step %d, %+v: blocked by %p, want %p", seed, step, tg, by.e, first)
				}
			}
		}
		for _, e := range all {
			m.forget(e)
		}
		if n := len(m.names) + len(m.below) + len(m.found) + len(m.behind) + len(m.networks) + len(m.loose) + len(m.of); n > 0 || m.lengths != (lengths{}) {
			t.Fatalf("seed %d: %d entries are left of nothing", seed, n)
		}
	}
}

// manyRules are n rules of one session: names, addresses and networks, of a
// hundred entitlements.
func manyRules(n int) (actions [][]wire.Action, targets []target) {
	actions = make([][]wire.Action, 100)
	for i := range n {
		h := fmt.Sprintf("app%d.corp", i)
		switch i % 3 {
		case 1:
			h = fmt.Sprintf("10.%d.%d.7", i/250%250, i%250)
		case 2:
			h = fmt.Sprintf("172.%d.%d.0/%d", i/250%250, i%250, 20+i%8)
		}
		a := wire.Action{Effect: wire.EffectAllow, Protocol: wire.TCP, Hosts: []string{h}, Ports: []uint16{443}}
		actions[i%100] = append(actions[i%100], a)
	}
	return actions, []target{{name: fmt.Sprintf("app%d.corp", n/3*3-3), port: 443}, {addr: netip.MustParseAddr("10.3.3.7"), port: 443},
		{addr: netip.MustParseAddr("172.5.5.5"), port: 443}, {name: "none.corp", port: 443}}
}

// BenchmarkMatch asks of a destination all that opening a flow asks, of 10,000
// rules: by the matcher, and one by one.
func BenchmarkMatch(b *testing.B) {
	actions, targets := manyRules(10_000)
	var m matcher
	var linear []linearRules
	for i, a := range actions {
		e := &entitlement{index: i, rules: compileRules(a, nowhere)}
		m.change(e)
		linear = append(linear, compileLinear(a, nowhere))
	}
	b.Run("matcher", func(b *testing.B) {
		m.match(targets[0])
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			found := m.match(targets[i%len(targets)])
			found.blocker()
		}
	})
	b.Run("linear", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			t := targets[i%len(targets)]
			for _, l := range linear {
				if l.pending(t) || l.blocks(t) || l.alerts(t) {
					continue
				}
				l.allows(t)
			}
		}
	})
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			var m matcher
			for i, a := range actions {
				m.change(&entitlement{index: i, rules: compileRules(a, nowhere)})
			}
			m.match(targets[0])
		}
	})
}
