package resolver

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
)

func pack(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// with is a copy of a message with one byte set.
func with(b []byte, at int, to byte) []byte {
	b = bytes.Clone(b)
	b[at] = to
	return b
}

func edns(m *dns.Msg, f func(*dns.OPT)) *dns.Msg {
	m.SetEdns0(1400, false)
	if f != nil {
		f(m.IsEdns0())
	}
	return m
}

func TestParse(t *testing.T) {
	good := pack(t, question("a.example.", dns.TypeA))
	long := "\x3f" + strings.Repeat("l", 63)
	named := func(name string) []byte {
		b := append(bytes.Clone(good[:headerLen]), name...)
		return append(b, 0, 1, 0, 1)
	}
	two := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	two.Question = append(two.Question, two.Question[0])
	twice := edns(question("a.example.", dns.TypeA), nil)
	twice.Extra = append(twice.Extra, twice.Extra[0])
	update := new(dns.Msg).SetUpdate("example.")
	for _, row := range []struct {
		name string
		msg  []byte
		want rcode
	}{
		{"plain", good, success},
		{"nothing", nil, dropped},
		{"half a header", good[:11], dropped},
		{"an answer", with(good, 2, 0x80), dropped},
		{"an update", pack(t, update), notImp},
		{"only a header", with(good[:headerLen], 5, 0), formErr},
		{"a question that is not there", good[:headerLen], formErr},
		{"two questions", pack(t, two), formErr},
		{"65535 questions", with(with(good, 4, 255), 5, 255), formErr},
		{"cut in the name", good[:headerLen+3], formErr},
		{"cut in the class", good[:len(good)-1], formErr},
		{"more behind", append(bytes.Clone(good), 0), formErr},
		{"a record that is not there", with(good, 11, 1), formErr},
		{"answers that are not there", with(with(good, 6, 255), 7, 255), formErr},
		{"a pointer to itself", named("\xc0\x0c"), formErr},
		{"a pointer behind a label", named("\x01a\xc0\x0c"), formErr},
		{"a label of another kind", named("\x41a\x00"), formErr},
		{"the longest name", named(long + long + long + long[1:62] + "\x00"), formErr},
		{"255 octets", named(long + long + long + "\x3d" + long[:61] + "\x00"), success},
		{"256 octets", named(long + long + long + "\x3e" + long[:62] + "\x00"), formErr},
		{"the root", named("\x00"), success},
		{"bytes of all kinds", named("\x04\x00\xff.\\\x00"), success},
		{"EDNS", pack(t, edns(question("a.example.", dns.TypeA), nil)), success},
		{"EDNS twice", pack(t, twice), formErr},
		{"a zone", pack(t, question("example.", dns.TypeAXFR)), notImp},
		{"an unknown type", pack(t, question("a.example.", 65280)), success},
	} {
		t.Run(row.name, func(t *testing.T) {
			var q query
			if got := q.parse(row.msg); got != row.want {
				t.Errorf("parsed as %d, want %d", got, row.want)
			}
		})
	}
}

func TestParseEDNS(t *testing.T) {
	type read struct {
		Size        int
		Do          bool
		Plain, Bare bool
	}
	option := func(o dns.EDNS0) func(*dns.OPT) {
		return func(opt *dns.OPT) { opt.Option = append(opt.Option, o) }
	}
	for _, row := range []struct {
		name string
		m    *dns.Msg
		want read
	}{
		{"none", question("a.", dns.TypeA), read{512, false, true, true}},
		{"a size", edns(question("a.", dns.TypeA), nil), read{1400, false, true, true}},
		{"too small", edns(question("a.", dns.TypeA), func(o *dns.OPT) { o.SetUDPSize(100) }), read{512, false, true, true}},
		{"too large", edns(question("a.", dns.TypeA), func(o *dns.OPT) { o.SetUDPSize(65535) }), read{4096, false, true, true}},
		{"DNSSEC", edns(question("a.", dns.TypeA), func(o *dns.OPT) { o.SetDo() }), read{1400, true, true, true}},
		{"a later version", edns(question("a.", dns.TypeA), func(o *dns.OPT) { o.SetVersion(1) }), read{1400, false, false, false}},
		{"a cookie", edns(question("a.", dns.TypeA), option(&dns.EDNS0_COOKIE{Cookie: "0123456789abcdef"})), read{1400, false, true, false}},
		{"a subnet", edns(question("a.", dns.TypeA), option(&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(192, 0, 2, 0)})), read{1400, false, false, false}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var q query
			if code := q.parse(pack(t, row.m)); code != success {
				t.Fatalf("parsed as %d", code)
			}
			if got := (read{q.size, q.do, q.plain, q.bare}); got != row.want {
				t.Errorf("read %+v, want %+v", got, row.want)
			}
		})
	}
}

// What differs in more than letters' case has another key.
func TestKey(t *testing.T) {
	key := func(m *dns.Msg) string {
		var q query
		if code := q.parse(pack(t, m)); code != success {
			t.Fatalf("parsed as %d", code)
		}
		return string(q.key(nil))
	}
	if key(question("A.Example.", dns.TypeA)) != key(question("a.eXAMPLE.", dns.TypeA)) {
		t.Error("letters' case makes another key")
	}
	seen := map[string]string{}
	for name, change := range map[string]func(*dns.Msg){
		"itself": func(*dns.Msg) {}, "name": func(m *dns.Msg) { m.Question[0].Name = "b.example." },
		"type": func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }, "class": func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"RD": func(m *dns.Msg) { m.RecursionDesired = false }, "CD": func(m *dns.Msg) { m.CheckingDisabled = true },
		"AD": func(m *dns.Msg) { m.AuthenticatedData = true }, "EDNS": func(m *dns.Msg) { m.SetEdns0(1232, false) },
		"DO": func(m *dns.Msg) { m.SetEdns0(1232, true) },
	} {
		m := question("a.example.", dns.TypeA)
		change(m)
		if other, ok := seen[key(m)]; ok {
			t.Errorf("%s and %s have one key", name, other)
		}
		seen[key(m)] = name
	}
}

func TestHost(t *testing.T) {
	for sent, want := range map[string]string{
		"\x00":                         "",
		"\x04WiKi\x07eXample\x00":      "wiki.example",
		"\x06a.corp\x03zta\x00":        `a\046corp.zta`,
		"\x03\x00\xff\\\x01_\x00":      `\000\255\092._`,
		"\x0a_sip-1_tcp\x03com\x00":    "_sip-1_tcp.com",
		"\x04caf\xe9\x07example\x00":   `caf\233.example`,
		"\x01*\x04corp\x07example\x00": `\042.corp.example`,
	} {
		if got := string(appendHost(nil, []byte(sent))); got != want {
			t.Errorf("%q is %q, want %q", sent, got, want)
		}
	}
}

func TestAppendName(t *testing.T) {
	long := strings.Repeat("l", 63)
	for host, want := range map[string]bool{
		"wiki.example": true, "a": true, "": false, ".": false, "a.": false, ".a": false, "a..b": false,
		long + ".a": true, long + "l.a": false, strings.Repeat("a.", 126) + "a": true, strings.Repeat("a.", 127) + "a": false,
	} {
		b, ok := appendName(nil, host)
		if ok != want {
			t.Errorf("%q: %v, want %v", host, ok, want)
		} else if ok && string(appendHost(nil, b)) != host {
			t.Errorf("%q is sent as %q", host, b)
		}
	}
}

// FuzzQuery has a lookup that we take be one that others take, with the same
// meaning, and whatever we answer be an answer to it.
func FuzzQuery(f *testing.F) {
	f.Add(pack(f, question("Wiki.Example.ZTA.", dns.TypeA)))
	f.Add(pack(f, question("new.corp.zta.", dns.TypeAAAA)))
	f.Add(pack(f, question("2.1.96.100.in-addr.arpa.", dns.TypePTR)))
	f.Add(pack(f, question("none.wiki.example.zta.", dns.TypeHTTPS)))
	f.Add(pack(f, edns(question("use-application-dns.net.", dns.TypeANY), func(o *dns.OPT) { o.SetDo() })))
	f.Add(pack(f, edns(question("a.example.", dns.TypeA), func(o *dns.OPT) {
		o.Option = append(o.Option, &dns.EDNS0_COOKIE{Cookie: "0123456789abcdef"})
	})))
	f.Add([]byte("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	r := New(Options{Zone: somePool()})
	f.Fuzz(func(t *testing.T, msg []byte) {
		var q query
		code := q.parse(msg)
		if code == success {
			var p dnsmessage.Parser
			if _, err := p.Start(msg); err != nil {
				t.Fatalf("taken, though no message: %v", err)
			}
			host := string(appendHost(nil, q.name()))
			theirs, err := p.Question()
			switch {
			case err != nil && strings.Contains(host, `\046`): // which they do not take
				theirs.Type, theirs.Class = dnsmessage.Type(q.typ), dnsmessage.Class(q.class)
			case err != nil:
				t.Fatalf("taken, though no question: %v", err)
			}
			if uint16(theirs.Type) != q.typ || uint16(theirs.Class) != q.class {
				t.Fatalf("read type %d and class %d of %v", q.typ, q.class, theirs)
			}
			if len(q.key(nil)) > keyMax {
				t.Fatal("the key is too long")
			}
			if !strings.Contains(host, `\`) && host != strings.ToLower(strings.TrimSuffix(theirs.Name.String(), ".")) {
				t.Fatalf("read %q of %q", host, theirs.Name)
			}
		}
		var d desk
		answer, later := r.handle(nil, msg, asker{}, &d)
		if later || code == dropped != (len(answer) == 0) {
			t.Fatalf("parsed as %d, answered %x", code, answer)
		}
		if len(answer) == 0 {
			return
		}
		var m dns.Msg
		if err := m.Unpack(answer); err != nil {
			t.Fatalf("answered no message: %v: %x", err, answer)
		}
		if m.Id != binary.BigEndian.Uint16(msg) || !m.Response || len(answer) > 512 {
			t.Fatalf("answered %v", &m)
		}
		if code == success && !answers(answer, q.question()) {
			t.Fatalf("answered another question: %x", answer)
		}
	})
}
