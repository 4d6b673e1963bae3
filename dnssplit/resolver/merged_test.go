package resolver

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Who asks what is asked already waits for the one answer, in their own letters.
func TestMerged(t *testing.T) {
	in(t, func(b *bench) {
		var asked atomic.Int32
		b.servers["192.0.2.1:53"] = func(q *dns.Msg, send func(*dns.Msg)) { asked.Add(1); says("192.0.2.101", time.Second)(q, send) }
		b.Forward(servers(1))
		names := map[uint16]string{}
		var d desk
		for _, name := range []string{"a.example.", "A.example.", "a.eXample.", "b.example."} {
			q := question(name, dns.TypeA)
			names[q.Id] = name
			b.handle(nil, pack(t, q), asker{udp: client{bench: b}}, &d)
		}
		for range 4 {
			m := <-b.told
			if len(m.Answer) != 1 || m.Question[0].Name != names[m.Id] {
				t.Errorf("told %v", m)
			}
			delete(names, m.Id)
		}
		if len(names) != 0 || asked.Load() != 2 {
			t.Errorf("asked %d times, not told: %v", asked.Load(), names)
		}
	})
}

// Two lookups with the same hash are two.
func TestNotMerged(t *testing.T) {
	in(t, func(b *bench) {
		var asked atomic.Int32
		b.servers["192.0.2.1:53"] = func(q *dns.Msg, send func(*dns.Msg)) { asked.Add(1); says("192.0.2.101", time.Second)(q, send) }
		b.Forward(servers(1))
		to := b.forward.routes.Load()
		for _, name := range []string{"a.example.", "b.example."} {
			var q query
			q.parse(pack(t, question(name, dns.TypeA)))
			b.forward.ask(&q, asker{udp: client{bench: b}}, to, to.rest, 7, q.key(nil))
		}
		<-b.told
		<-b.told
		if asked.Load() != 2 || len(b.forward.merging) != 0 {
			t.Errorf("asked %d times, %d are left", asked.Load(), len(b.forward.merging))
		}
	})
}

// However many ask the same, few are passed on: with each more, an answer would be
// easier to guess.
func TestMergedMany(t *testing.T) {
	in(t, func(b *bench) {
		var asked atomic.Int32
		b.servers["192.0.2.1:53"] = func(q *dns.Msg, send func(*dns.Msg)) { asked.Add(1); says("192.0.2.101", time.Second)(q, send) }
		b.Forward(servers(1))
		const n = 10 * (1 + mostWaiters)
		b.told = make(chan *dns.Msg, n)
		var d desk
		for range n {
			b.handle(nil, pack(t, question("a.example.", dns.TypeA)), asker{udp: client{bench: b}}, &d)
		}
		for range n {
			if m := <-b.told; len(m.Answer) != 1 {
				t.Fatalf("told %v", m)
			}
		}
		if asked.Load() != 10 || len(b.forward.merging) != 0 || b.forward.flights != 0 {
			t.Errorf("asked %d times, want 10; %d are left of %d", asked.Load(), len(b.forward.merging), b.forward.flights)
		}
	})
}
