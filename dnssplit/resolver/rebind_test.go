package resolver

import (
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// An answer of others that leads to an address of ours is not passed on, whichever
// record has it; any other address is.
func TestRebinding(t *testing.T) {
	const blocked, passed = "REFUSED ra", "NOERROR"
	for _, row := range []struct {
		name   string
		answer []string
		extra  []string
		change func(*dns.Msg)
		want   string
	}{
		{"an address", []string{"a.example. 60 IN A 100.96.1.2"}, nil, nil, blocked},
		{"one that nobody has", []string{"a.example. 60 IN A 100.96.200.200"}, nil, nil, blocked},
		{"one of IPv6", []string{"a.example. 60 IN AAAA fd54:6964:6567::1"}, nil, nil, blocked},
		{"one of IPv4 in one of IPv6", []string{"a.example. 60 IN AAAA ::ffff:100.96.1.2"}, nil, nil, blocked},
		{"behind others", []string{"a.example. 60 IN A 192.0.2.1", "a.example. 60 IN A 100.96.1.2"}, nil, nil, blocked},
		{"behind another name", []string{"a.example. 60 IN CNAME wiki.example.zta.", "wiki.example.zta. 60 IN A 100.96.1.2"}, nil, nil, blocked},
		{"that is not to be kept", []string{"a.example. 0 IN A 100.96.1.2"}, nil, nil, blocked},
		{"beside the answer", []string{"a.example. 60 IN SRV 1 1 80 b.example."}, []string{"b.example. 60 IN A 100.96.1.2"}, nil, blocked},
		{"a hint", []string{"a.example. 60 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,100.96.1.2"}, nil, nil, blocked},
		{"a hint of IPv6", []string{"a.example. 60 IN SVCB 1 b.example. ipv6hint=2001:db8::1,fd54:6964:6567::1"}, nil, nil, blocked},
		{"where there is no name", []string{"a.example. 60 IN A 100.96.1.2"}, nil, func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }, blocked},
		{"cut", []string{"a.example. 60 IN A 100.96.1.2"}, nil, func(m *dns.Msg) { m.Truncated = true }, blocked},
		{"foreign addresses", []string{"a.example. 60 IN A 100.97.1.2", "a.example. 60 IN AAAA fd54:6964:6568::1", "a.example. 60 IN AAAA ::ffff:10.0.0.1"}, nil, nil, passed},
		{"foreign hints", []string{"a.example. 60 IN HTTPS 1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1"}, nil, nil, passed},
		{"a text", []string{`a.example. 60 IN TXT "100.96.1.2"`, `a.example. 60 IN TYPE65280 \# 4 64600102`}, nil, nil, passed},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := New(Options{Zone: somePool()})
			r.Forward(to(upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg).SetReply(q)
				m.Answer, m.Extra = rr(t, row.answer...), rr(t, row.extra...)
				if row.change != nil {
					row.change(m)
				}
				w.WriteMsg(m)
			})))
			server := serve(t, r)
			for range 2 { // it is not kept either
				m := lookup(t, "udp", server, question("a.example.", dns.TypeANY))
				if row.want == passed {
					if m.Rcode != dns.RcodeSuccess || len(m.Answer) != len(row.answer) {
						t.Errorf("told %v", m)
					}
				} else if got := tell(m); got != row.want || len(m.Extra) != 0 {
					t.Errorf("told %v", m)
				}
			}
		})
	}
}

// Who asks by TCP is told no more, and who can hear why is told why.
func TestRebindingTold(t *testing.T) {
	r := New(Options{Zone: somePool()})
	r.Forward(to(upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Truncated = w.RemoteAddr().Network() == "udp"
		m.Answer = rr(t, "a.example. 60 IN A 100.96.1.2")
		w.WriteMsg(m)
	})))
	server := serve(t, r)
	for _, network := range []string{"udp", "tcp"} {
		m := lookup(t, network, server, edns(question("a.example.", dns.TypeA), nil))
		if m.Rcode != dns.RcodeRefused || len(m.Answer) != 0 || m.IsEdns0() == nil || len(m.IsEdns0().Option) != 1 {
			t.Fatalf("by %s told %v", network, m)
		}
		if why, ok := m.IsEdns0().Option[0].(*dns.EDNS0_EDE); !ok || why.InfoCode != dns.ExtendedErrorCodeBlocked || why.ExtraText == "" {
			t.Errorf("by %s told %v", network, m)
		}
	}
}

// FuzzRebinding has us see an address of ours wherever others see one.
func FuzzRebinding(f *testing.F) {
	ask := question("a.example.", dns.TypeANY)
	for _, line := range []string{
		"a.example. 60 IN A 100.96.1.2", "a.example. 60 IN AAAA fd54:6964:6567::1", "a.example. 60 IN AAAA ::ffff:100.96.1.2",
		"a.example. 60 IN HTTPS 1 b.example. alpn=h2 ipv4hint=192.0.2.1,100.96.1.2", "a.example. 60 IN SVCB 1 . ipv6hint=2001:db8::1,fd54:6964:6567::1",
	} {
		m := new(dns.Msg).SetReply(ask)
		m.Compress = true
		m.Answer = rr(f, line, line)
		f.Add(pack(f, m))
	}
	ours := networks(somePool().Prefixes())
	end := headerLen + len("\x01a\x07example\x00") + 4
	f.Fuzz(func(t *testing.T, msg []byte) {
		var facts facts
		var m dns.Msg
		if len(msg) < end || !facts.examine(msg, end) {
			return
		}
		got := ours.in(msg, end)
		if m.Unpack(msg) != nil || m.Len() == 0 || len(m.Question) != 1 || m.Question[0].Name != "a.example." {
			return
		}
		want := false
		for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
			for _, record := range section {
				for _, ip := range addresses(record) {
					want = want || ours.have(ip)
				}
			}
		}
		if got != want {
			t.Fatalf("ours: %v, want %v: %v", got, want, &m)
		}
	})
}

// addresses are those that a record leads to.
func addresses(record dns.RR) (all []net.IP) {
	var values []dns.SVCBKeyValue
	switch r := record.(type) {
	case *dns.A:
		return []net.IP{r.A}
	case *dns.AAAA:
		return []net.IP{r.AAAA}
	case *dns.SVCB:
		values = r.Value
	case *dns.HTTPS:
		values = r.Value
	}
	for _, v := range values {
		switch v := v.(type) {
		case *dns.SVCBIPv4Hint:
			all = append(all, v.Hint...)
		case *dns.SVCBIPv6Hint:
			all = append(all, v.Hint...)
		}
	}
	return all
}

// What was kept is not told once its address has become one of ours.
func TestRebindingLater(t *testing.T) {
	p := somePool()
	r := New(Options{Zone: p})
	r.Forward(to(upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Answer = rr(t, "a.example. 60 IN A 100.99.1.2")
		w.WriteMsg(m)
	})))
	server := serve(t, r)
	for _, want := range []int{dns.RcodeSuccess, dns.RcodeRefused} {
		if m := lookup(t, "udp", server, question("a.example.", dns.TypeA)); m.Rcode != want {
			t.Errorf("told %v", m)
		}
		p.move(netip.MustParsePrefix("100.99.0.0/16"))
	}
}
