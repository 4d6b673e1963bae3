package resolver

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// A server's lie is ignored, and the truth behind it told.
func TestLies(t *testing.T) {
	truth := func(t testing.TB, query []byte) []byte {
		var q dns.Msg
		if err := q.Unpack(query); err != nil {
			t.Error(err)
		}
		m := new(dns.Msg).SetReply(&q)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(192, 0, 2, 1)}}
		return pack(t, m)
	}
	change := func(f func(*dns.Msg)) func(testing.TB, []byte) []byte {
		return func(t testing.TB, b []byte) []byte {
			var m dns.Msg
			if err := m.Unpack(b); err != nil {
				t.Error(err)
			}
			m.Answer[0].(*dns.A).A = net.IPv4(203, 0, 113, 66)
			f(&m)
			return pack(t, &m)
		}
	}
	for _, row := range []struct {
		name string
		lie  func(t testing.TB, truth []byte) []byte
	}{
		{"another ID", change(func(m *dns.Msg) { m.Id++ })},
		{"another name", change(func(m *dns.Msg) { m.Question[0].Name = "b.Example." })},
		{"a longer name", change(func(m *dns.Msg) { m.Question[0].Name = "a.Example.com." })},
		{"other letters", change(func(m *dns.Msg) { m.Question[0].Name = "a.example." })},
		{"another type", change(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA })},
		{"another class", change(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS })},
		{"two questions", change(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) })},
		{"no question", change(func(m *dns.Msg) { m.Question = nil })},
		{"a question", change(func(m *dns.Msg) { m.Response = false })},
		{"another operation", change(func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate })},
		{"nothing", func(testing.TB, []byte) []byte { return nil }},
		{"a header", func(_ testing.TB, b []byte) []byte { return b[:headerLen] }},
		{"half a header", func(_ testing.TB, b []byte) []byte { return b[:5] }},
		{"garbage", func(testing.TB, []byte) []byte { return bytes.Repeat([]byte{0xc0}, 600) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := New(Options{Zone: somePool()})
			r.Forward(to(raw(t, func(query []byte, send func([]byte)) {
				b := truth(t, query)
				send(row.lie(t, bytes.Clone(b)))
				send(b)
				send(row.lie(t, bytes.Clone(b)))
			})))
			server := serve(t, r)
			for range 2 { // from the server, and as it was kept
				m := lookup(t, "udp", server, question("a.Example.", dns.TypeA))
				if len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != "192.0.2.1" {
					t.Errorf("told %v", m)
				}
			}
		})
	}
}

// What is an answer to the question, but cannot be read, is as good as none.
func TestGarbageBehind(t *testing.T) {
	garbage := func(tail string, counts string) netip.AddrPort {
		return raw(t, func(query []byte, send func([]byte)) {
			query[2] |= bitQR
			copy(query[6:], counts)
			send(append(query, tail...))
		})
	}
	good := upstream(t, echo(60, nil))
	for name, bad := range map[string]netip.AddrPort{
		"a record that is not there": garbage("", "\x00\x01"),
		"more behind":                garbage("\x00", ""),
		"a loop":                     garbage("\xc0\x1d\x00\x01\x00\x01\x00\x00\x00\x09\x00\x04\x01\x02\x03\x04", "\x00\x01"),
		"too long a record":          garbage("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x09\xff\xff\x01\x02\x03\x04", "\x00\x01"),
		"EDNS among the answers":     garbage("\x00\x00\x29\x04\x00\x00\x00\x00\x00\x00\x00", "\x00\x01"),
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Options{Zone: somePool()})
			server := serve(t, r)
			r.Forward(to(bad, good))
			if m := lookup(t, "udp", server, question("a.example.", dns.TypeA)); len(m.Answer) != 1 {
				t.Errorf("told %v", m)
			}
			r.Forward(to(bad))
			if m := lookup(t, "udp", server, question("a.example.", dns.TypeA)); m.Rcode != dns.RcodeServerFailure {
				t.Errorf("told %v", m)
			}
		})
	}
}

// An answer that was cut within a record is one that was cut: who asked is told to
// ask by TCP, and no more.
func TestCutAnywhere(t *testing.T) {
	r := New(Options{Zone: somePool()})
	r.Forward(to(raw(t, func(query []byte, send func([]byte)) {
		query[2] |= bitQR | bitTC
		query[7] = 2
		send(append(query, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x09\x00\x04\x01\x02\x03\x04\xc0\x0c\x00\x01\x00"...))
	})))
	server := serve(t, r)
	if m := lookup(t, "udp", server, question("a.example.", dns.TypeA)); !m.Truncated || m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 {
		t.Errorf("told %v", m)
	}
}

// No server hears the same ID, or the same port, more often than by chance.
func TestUnguessable(t *testing.T) {
	var mu sync.Mutex
	ids, ports := map[uint16]int{}, map[string]int{}
	at := upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
		mu.Lock()
		ids[q.Id]++
		ports[w.RemoteAddr().String()]++
		mu.Unlock()
		echo(0, nil)(w, q)
	})
	r := New(Options{Zone: somePool()})
	r.Forward(to(at))
	server := serve(t, r)
	const n = 1000
	for range n {
		q := question("a.example.", dns.TypeA)
		q.Id = 7
		lookup(t, "udp", server, q)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) < n-50 {
		t.Errorf("%d IDs in %d lookups", len(ids), n)
	}
	for port, times := range ports {
		if times > n/8 {
			t.Errorf("%d of %d lookups came from %s", times, n, port)
		}
	}
}

// Whoever we ask hears what the client said but for the ID, and the client what
// the server said.
func TestByteForByte(t *testing.T) {
	hears := make(chan []byte, 1)
	reply := func(query []byte) []byte {
		b := bytes.Clone(query)
		b[2], b[3] = b[2]|bitQR, b[3]|bitRA|bitAD
		binary.BigEndian.PutUint16(b[6:], 1)
		binary.BigEndian.PutUint16(b[10:], 0)
		end, _ := plainName(b, headerLen)
		b = append(b[:end+4], "\xc0\x0c\xff\x01\x00\x01\x00\x00\x00\x09\x00\x05\x00\xff\xc0\x0c\x01"...)
		b[11] = 1 // EDNS with an option that nobody knows
		return append(b, "\x00\x00\x29\x05\xac\x00\x00\x80\x00\x00\x06\xfd\xe9\x00\x02hi"...)
	}
	at := raw(t, func(query []byte, send func([]byte)) {
		hears <- bytes.Clone(query)
		send(reply(query))
	})
	r := New(Options{Zone: somePool()})
	r.Forward(to(at))
	server := serve(t, r)
	for _, row := range []struct {
		name   string
		change func(*dns.Msg)
	}{
		{"plain", func(*dns.Msg) {}},
		{"without recursion", func(m *dns.Msg) { m.RecursionDesired = false }},
		{"checking disabled", func(m *dns.Msg) { m.CheckingDisabled = true }},
		{"authentic data", func(m *dns.Msg) { m.AuthenticatedData = true }},
		{"DNSSEC", func(m *dns.Msg) { m.SetEdns0(4096, true) }},
		{"a cookie", func(m *dns.Msg) {
			edns(m, func(o *dns.OPT) {
				o.Option = append(o.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})
			})
		}},
		{"an option that nobody knows", func(m *dns.Msg) {
			edns(m, func(o *dns.OPT) { o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")}) })
		}},
		{"a later EDNS", func(m *dns.Msg) { edns(m, func(o *dns.OPT) { o.SetVersion(9) }) }},
		{"another class", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }},
		{"a signature", func(m *dns.Msg) {
			m.Extra = append(m.Extra, &dns.TSIG{Hdr: dns.RR_Header{Name: "key.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: dns.HmacSHA256, MAC: "00"})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := question("fOrEiGn.example.", 65281)
			row.change(q)
			sent := pack(t, q)
			conn, err := net.Dial("udp", server)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			conn.Write(sent)
			buf := make([]byte, 4096)
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			heard := <-hears
			if diff := cmp.Diff(sent[2:], heard[2:]); diff != "" {
				t.Errorf("the server heard something else:\n%s", diff)
			}
			if diff := cmp.Diff(reply(sent), buf[:n]); diff != "" {
				t.Errorf("the client heard something else:\n%s", diff)
			}
			r.Flush()
		})
	}
}

// texts answers with so many records, cut to what the lookup says can be taken.
func texts(n int, polite bool) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for range n {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{strings.Repeat("t", 200)}})
		}
		size := 512
		if o := q.IsEdns0(); o != nil {
			m.SetEdns0(1232, o.Do())
			size = int(o.UDPSize())
		}
		if _, tcp := w.RemoteAddr().(*net.TCPAddr); !tcp && polite {
			m.Truncate(size)
		}
		w.WriteMsg(m)
	}
}

// No datagram is longer than its reader takes, whatever the server sends; by TCP
// everything comes, and from then on it is kept for both.
func TestSizes(t *testing.T) {
	for _, polite := range []bool{true, false} {
		for _, size := range []int{0, 512, 1232, 4096, 65535} {
			r := New(Options{Zone: somePool()})
			r.Forward(to(upstream(t, texts(9, polite))))
			server := serve(t, r)
			ask := func(name string) *dns.Msg {
				q := question(name, dns.TypeTXT)
				if size > 0 {
					q.SetEdns0(uint16(size), true)
				}
				return q
			}
			fits := size > 2000
			for _, when := range []string{"first", "when it is kept"} {
				if m := lookup(t, "udp", server, ask("a.example.")); m.Truncated == fits || m.Len() > max(size, 512) || (m.IsEdns0() != nil) != (size > 0) {
					t.Errorf("%s, size %d, polite %v: %d octets: %v", when, size, polite, m.Len(), m)
				}
				if m := lookup(t, "tcp", server, ask("a.example.")); m.Truncated || len(m.Answer) != 9 {
					t.Errorf("%s, by TCP, size %d, polite %v: %v", when, size, polite, m)
				}
			}
		}
	}
}

// An answer that is longer than any datagram that we read comes by TCP.
func TestHuge(t *testing.T) {
	for _, polite := range []bool{true, false} {
		r := New(Options{Zone: somePool()})
		r.Forward(to(upstream(t, texts(250, polite))))
		server := serve(t, r)
		q := question("a.example.", dns.TypeTXT)
		q.SetEdns0(65535, false)
		if m := lookup(t, "udp", server, q); !m.Truncated {
			t.Errorf("%d octets in a datagram", m.Len())
		}
		if m := lookup(t, "tcp", server, q); len(m.Answer) != 250 {
			t.Errorf("%d records by TCP", len(m.Answer))
		}
	}
}
