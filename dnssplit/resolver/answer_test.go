package resolver

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// rr reads records as they are written in a zone.
func rr(t testing.TB, lines ...string) (all []dns.RR) {
	t.Helper()
	for _, line := range lines {
		r, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

const someSOA = "example. 900 IN SOA ns.example. root.example. 1 2 3 4 60"

func TestKeep(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*dns.Msg)
		want   time.Duration
	}{
		{"an address", func(m *dns.Msg) { m.Answer = rr(t, "a.example. 300 IN A 192.0.2.1") }, 300 * time.Second},
		{"the shortest", func(m *dns.Msg) {
			m.Answer = rr(t, "a.example. 300 IN CNAME b.example.", "b.example. 20 IN A 192.0.2.1")
			m.Extra = rr(t, "c.example. 10 IN A 192.0.2.1")
		}, 10 * time.Second},
		{"a week", func(m *dns.Msg) { m.Answer = rr(t, "a.example. 604800 IN A 192.0.2.1") }, time.Hour},
		{"not at all", func(m *dns.Msg) { m.Answer = rr(t, "a.example. 0 IN A 192.0.2.1") }, 0},
		{"a negative time", func(m *dns.Msg) {
			m.Answer = rr(t, "a.example. 300 IN A 192.0.2.1")
			m.Answer[0].Header().Ttl = 1 << 31
		}, 0},
		{"nothing, without SOA", func(m *dns.Msg) {}, 0},
		{"no name, without SOA", func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeNameError, rr(t, "example. 900 IN NS ns.example.") }, 0},
		{"nothing", func(m *dns.Msg) { m.Ns = rr(t, someSOA) }, time.Minute},
		{"no name", func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeNameError, rr(t, someSOA) }, time.Minute},
		{"a chain that ends nowhere", func(m *dns.Msg) {
			m.Answer, m.Ns = rr(t, "a.example. 300 IN CNAME b.example."), rr(t, someSOA)
		}, time.Minute},
		{"failed", func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeServerFailure, rr(t, someSOA) }, 0},
		{"refused", func(m *dns.Msg) { m.Rcode, m.Ns = dns.RcodeRefused, rr(t, someSOA) }, 0},
		{"cut", func(m *dns.Msg) { m.Truncated, m.Answer = true, rr(t, "a.example. 300 IN A 192.0.2.1") }, 0},
		{"EDNS", func(m *dns.Msg) {
			m.Answer = rr(t, "a.example. 300 IN A 192.0.2.1")
			m.SetEdns0(1232, true)
		}, 300 * time.Second},
		{"a bad version", func(m *dns.Msg) {
			m.Answer = rr(t, "a.example. 300 IN A 192.0.2.1")
			m.SetEdns0(1232, true)
			m.Rcode = dns.RcodeBadVers
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := new(dns.Msg).SetReply(question("a.example.", dns.TypeA))
			row.change(m)
			b := pack(t, m)
			var f facts
			if !f.examine(b, headerLen+len("\x01a\x07example\x00")+4) {
				t.Fatal("not taken")
			}
			if got := f.keep(b); got != row.want {
				t.Errorf("kept for %v, want %v", got, row.want)
			}
		})
	}
}

// Answers age in the cache, and end.
func TestCacheAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		ask := edns(question("a.example.", dns.TypeA), nil)
		m := new(dns.Msg).SetReply(ask)
		m.Answer = rr(t, "a.example. 300 IN CNAME b.example.", "b.example. 20 IN A 192.0.2.1")
		m.SetEdns0(1232, true)
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}, &dns.EDNS0_EDE{InfoCode: 3})
		put(t, c, ask, m)
		for _, row := range []struct {
			after         time.Duration
			first, second uint32
		}{{0, 300, 20}, {999 * time.Millisecond, 300, 20}, {time.Millisecond, 299, 19}, {18 * time.Second, 281, 1}, {999 * time.Millisecond, 281, 1}} {
			time.Sleep(row.after)
			got := get(t, c, ask)
			if got == nil {
				t.Fatal("forgotten")
			}
			if a, b := got.Answer[0].Header().Ttl, got.Answer[1].Header().Ttl; a != row.first || b != row.second {
				t.Errorf("times to live %d and %d, want %d and %d", a, b, row.first, row.second)
			}
			if o := got.IsEdns0(); !o.Do() || o.UDPSize() != 1232 || len(o.Option) != 1 || o.Option[0].Option() != dns.EDNS0EDE {
				t.Errorf("EDNS is now %v", o)
			}
		}
		time.Sleep(time.Millisecond)
		if got := get(t, c, ask); got != nil {
			t.Errorf("kept for too long: %v", got)
		}
		if c.shard[0].bytes != 0 {
			t.Error("an answer that is over takes room")
		}
	})
}

// That there is nothing is kept for as long as the SOA says, and no longer by
// whoever hears it from us.
func TestCacheNegative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		ask := question("a.example.", dns.TypeA)
		m := new(dns.Msg).SetRcode(ask, dns.RcodeNameError)
		m.Ns = rr(t, someSOA)
		put(t, c, ask, m)
		time.Sleep(50 * time.Second)
		got := get(t, c, ask)
		if got == nil || got.Rcode != dns.RcodeNameError || got.Ns[0].Header().Ttl != 10 {
			t.Fatalf("kept %v", got)
		}
		time.Sleep(10 * time.Second)
		if got := get(t, c, ask); got != nil {
			t.Errorf("kept for too long: %v", got)
		}
	})
}

func put(t testing.TB, c *cache, ask, m *dns.Msg) {
	t.Helper()
	var q query
	q.parse(pack(t, ask))
	key := q.key(nil)
	b := pack(t, m)
	var f facts
	if !f.examine(b, q.end) {
		t.Fatal("not taken")
	}
	c.put(c.epoch.Load(), c.hash(key), key, b, &f, time.Now())
}

func get(t testing.TB, c *cache, ask *dns.Msg) *dns.Msg {
	t.Helper()
	var q query
	q.parse(pack(t, ask))
	key := q.key(nil)
	b, ok := c.get(nil, c.hash(key), key, time.Now())
	if !ok {
		return nil
	}
	var m dns.Msg
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return &m
}

// The cache stays within its bound, and what is asked for stays.
func TestCacheBound(t *testing.T) {
	c := newCache()
	hot := question("hot.example.", dns.TypeA)
	reply := func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.Answer = rr(t, q.Question[0].Name+" 300 IN A 192.0.2.1")
		return m
	}
	put(t, c, hot, reply(hot))
	for i := range 40_000 {
		q := question(fmt.Sprintf("n%d.%d.example.", i, rand.Uint32()), dns.TypeA)
		put(t, c, q, reply(q))
		if i%100 == 0 && get(t, c, hot) == nil {
			t.Fatalf("forgot after %d others what is asked for", i)
		}
	}
	entries, bytes := 0, 0
	for i := range c.shard {
		s := &c.shard[i]
		n := 0
		for e := s.oldest; e != nil; {
			n++
			bytes += e.cost()
			if e = e.after; e == s.oldest {
				break
			}
		}
		if n != len(s.entries) {
			t.Errorf("%d in the ring, %d in the table", n, len(s.entries))
		}
		entries += n
	}
	t.Logf("%d answers in %d bytes", entries, bytes)
	if bytes > cacheBytes || entries < 10_000 {
		t.Errorf("%d answers in %d bytes", entries, bytes)
	}
	epoch := c.epoch.Load()
	c.flush()
	var f facts
	b := pack(t, reply(hot))
	f.examine(b, headerLen+len("\x03hot\x07example\x00")+4)
	c.put(epoch, 1, []byte("late"), b, &f, time.Now())
	if get(t, c, hot) != nil || c.shard[1].bytes != 0 {
		t.Error("something is left, or came after")
	}
}

// FuzzAnswer has whatever a server says be taken only if others can read it, and
// be as readable when it was kept, aged, put to another's question, or cut.
func FuzzAnswer(f *testing.F) {
	ask := edns(question("A.Example.", dns.TypeA), nil)
	asked := pack(f, ask)
	m := new(dns.Msg).SetReply(ask)
	m.Answer = rr(f, "a.example. 300 IN CNAME b.example.", "b.example. 20 IN A 192.0.2.1")
	m.Compress = true
	f.Add(pack(f, m), uint16(5))
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}, &dns.EDNS0_EDE{InfoCode: 3})
	f.Add(pack(f, m), uint16(19))
	m = new(dns.Msg).SetRcode(ask, dns.RcodeNameError)
	m.Ns = rr(f, someSOA)
	f.Add(pack(f, m), uint16(59))
	m.Truncated = true
	f.Add(pack(f, m), uint16(0))
	var q query
	if code := q.parse(asked); code != success {
		f.Fatal(code)
	}
	other := bytes.ToUpper(q.question())
	f.Fuzz(func(t *testing.T, msg []byte, age uint16) {
		if !answers(msg, q.question()) {
			return
		}
		var facts facts
		whole := facts.examine(msg, q.end)
		cut := truncate(bytes.Clone(msg), q.end, facts.opt)
		var m dns.Msg
		if err := m.Unpack(cut); err != nil || !m.Truncated || len(cut) > 512 {
			t.Fatalf("cut to %x: %v", cut, err)
		}
		if !whole {
			return
		}
		c := newCache()
		key := q.key(nil)
		now := time.Now()
		c.put(0, 1, key, msg, &facts, now)
		keep := facts.keep(msg)
		b, ok := c.get(nil, 1, key, now.Add(time.Duration(age)*time.Second))
		if ok != (keep > time.Duration(age)*time.Second) {
			t.Fatalf("kept for %v, found after %d s: %v", keep, age, ok)
		}
		if !ok {
			return
		}
		readdress(b, 7, other)
		if binary.BigEndian.Uint16(b) != 7 || !answers(b, other) {
			t.Fatalf("another answer: %x", b)
		}
		// Nothing else is changed, up to EDNS's options.
		ttls := slices.Clone(facts.ttls)
		if facts.soa.body != 0 {
			binary.BigEndian.PutUint32(msg[facts.soa.ttlAt:], min(facts.soa.ttl, facts.minimum(msg)))
		}
		for _, at := range ttls {
			ttl := msg[at:]
			binary.BigEndian.PutUint32(ttl, binary.BigEndian.Uint32(ttl)-uint32(age))
		}
		readdress(msg, 7, other)
		end := len(msg)
		if facts.opt != 0 {
			end = facts.opt + 9
		}
		if len(b) < end || !bytes.Equal(b[:end], msg[:end]) {
			t.Fatalf("changed %x to %x", msg, b)
		}
		if !facts.examine(b, q.end) || !slices.Equal(ttls, facts.ttls) {
			t.Fatalf("kept as %x", b)
		}
	})
}
