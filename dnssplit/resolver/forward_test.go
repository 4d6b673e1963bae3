package resolver

import (
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

func TestForwarded(t *testing.T) {
	var asked atomic.Int32
	r := New(Options{Zone: somePool()})
	r.Forward(to(upstream(t, echo(300, func(*dns.Msg) { asked.Add(1) }))))
	server := serve(t, r)
	for _, network := range []string{"udp", "tcp"} {
		for range 3 {
			m := lookup(t, network, server, question("Foreign.Example.", dns.TypeA))
			if len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != "192.0.2.7" {
				t.Fatalf("answered %v", m)
			}
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the server was asked %d times, want once", n)
	}
}

// What is answered at once costs no more memory than the name that was asked for.
func TestAllocations(t *testing.T) {
	r := New(Options{Zone: somePool()})
	r.Forward(to(upstream(t, echo(300, nil))))
	server := serve(t, r)
	lookup(t, "udp", server, question("foreign.example.", dns.TypeA))
	var d desk
	buf := make([]byte, 0, 512)
	for _, name := range []string{"foreign.example.", canary + "."} {
		msg := pack(t, question(name, dns.TypeA))
		got := testing.AllocsPerRun(100, func() {
			if out, _ := r.handle(buf, msg, asker{}, &d); len(out) == 0 {
				t.Fatal("asked of others")
			}
		})
		if got > 1 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

func BenchmarkCached(b *testing.B) {
	r := New(Options{Zone: somePool()})
	r.Forward(to(upstream(b, echo(300, nil))))
	server := serve(b, r)
	lookup(b, "udp", server, question("foreign.example.", dns.TypeA))
	msg := pack(b, question("foreign.example.", dns.TypeA))
	var d desk
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if out, _ := r.handle(buf, msg, asker{}, &d); len(out) == 0 {
			b.Fatal("not kept")
		}
	}
}
