package resolver

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// However often the servers change, and whatever they do, every lookup is answered
// once, and nothing is left.
func TestStorm(t *testing.T) {
	odd := func(w dns.ResponseWriter, q *dns.Msg) { // by the name: cut, fails, or answers
		_, tcp := w.RemoteAddr().(*net.TCPAddr)
		m := new(dns.Msg).SetReply(q)
		switch q.Question[0].Name[0] {
		case 'c':
			m.Truncated = !tcp
		case 'f':
			m.Rcode = dns.RcodeServerFailure
		}
		if !m.Truncated && m.Rcode == 0 {
			m.Answer = rr(t, q.Question[0].Name+" 60 IN A 192.0.2.7")
		}
		w.WriteMsg(m)
	}
	one, two := upstream(t, odd), upstream(t, odd)
	nobody := netip.MustParseAddrPort("127.0.0.1:9")
	r := New(Options{Zone: somePool()})
	r.Forward(to(one))
	server := serve(t, r)
	var clients, changes sync.WaitGroup
	next := make(chan struct{}, 1)
	changes.Go(func() {
		i := 0
		for range next {
			switch i++; i % 4 {
			case 0:
				r.Forward(to(one, two))
			case 1:
				r.Forward(to(nobody, two))
			case 2:
				r.Flush()
			case 3:
				r.Forward(to(two))
			}
		}
	})
	for i := range 8 {
		clients.Go(func() {
			c := dns.Client{Net: []string{"udp", "tcp"}[i%2], Timeout: time.Minute}
			conn, err := c.Dial(server)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for n := range 200 {
				select {
				case next <- struct{}{}:
				default:
				}
				q := question(fmt.Sprintf("%c%d.example.", "acf"[n%3], n/8), dns.TypeA)
				m, _, err := c.ExchangeWithConn(q, conn)
				if err != nil {
					t.Errorf("%s by %s: %v", q.Question[0].Name, c.Net, err)
					return
				}
				if m.Question[0] != q.Question[0] || len(m.Answer) == 0 && m.Rcode != dns.RcodeServerFailure && !m.Truncated {
					t.Errorf("told %v", m)
				}
			}
		})
	}
	clients.Wait()
	close(next)
	changes.Wait()
	r.forward.mu.Lock()
	defer r.forward.mu.Unlock()
	if r.forward.flights != 0 || len(r.forward.merging) != 0 || len(r.forward.tcp) != 0 {
		t.Errorf("left: %d lookups, %d that others wait for, %d exchanges", r.forward.flights, len(r.forward.merging), len(r.forward.tcp))
	}
}
