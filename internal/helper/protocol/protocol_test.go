package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/dnssplit/osdns"
)

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

var same = cmp.Options{cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}, netip.AddrPort{})}

func TestMessages(t *testing.T) {
	var full []netip.Prefix
	for i := range MaxRoutes {
		full = append(full, netip.MustParsePrefix(fmt.Sprintf("fd54:6964:6567:%x:aaaa:bbbb:cccc:dddd/128", i)))
	}
	var many []string
	for i := range MaxDomains {
		many = append(many, fmt.Sprintf("%d.a-domain-of-some-length.applications.corp.example", i))
	}
	for _, r := range []Request{
		{Verb: OpenTUN}, {Verb: Close}, {Verb: ApplyRoutes},
		{Verb: ApplyRoutes, Routes: prefixes("100.96.0.0/16", "fd54:6964:6567::/48")},
		{Verb: ApplyRoutes, Routes: full},
		{Verb: OpenDNSSocket}, {Verb: ApplyDNS},
		{Verb: ApplyDNS, Domains: []string{"corp.example", "96.100.in-addr.arpa", "_x.a-b.example"}, Strict: true},
		{Verb: ApplyDNS, Domains: many},
	} {
		b, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		read, err := Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRequest(read)
		if diff := cmp.Diff(r, got, same); err != nil || diff != "" {
			t.Errorf("%v: %v %s", r, err, diff)
		}
	}
	for _, r := range []Reply{
		{}, {Refusal: Refuse(Busy, "one is enough")},
		{Device: &Device{Name: "tide1000", MTU: 65500, Addr4: netip.MustParseAddr("100.96.255.1")}},
		{DNS: &DNS{Mode: osdns.ModeDirect, Why: "there is nothing else", Adapter: "eth0", Filtered: true,
			Upstreams:   []osdns.Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.168.7.1:53")}, Device: "eth0"}},
			Competitors: []osdns.Competitor{{Program: "vpnc", Link: "tun0", Domain: "example", Wins: true}},
			Left:        map[Code][]string{Outside: {"com"}}}},
	} {
		b, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeReply(b[2:])
		if diff := cmp.Diff(r, got, same); err != nil || diff != "" {
			t.Errorf("%v: %v %s", r, err, diff)
		}
	}
	if _, err := Encode(strings.Repeat("x", MaxMessage)); err == nil {
		t.Error("a message beyond the limit is made")
	}
	if !errors.Is(Refuse(Busy, "x"), &Refusal{Code: Busy}) || errors.Is(Refuse(Busy, "x"), &Refusal{Code: Full}) {
		t.Error("refusals are not told apart")
	}
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     error // nil: any
	}{
		{"the end", "", io.EOF},
		{"half a length", "\x00", io.ErrUnexpectedEOF},
		{"no length", "\x00\x00", nil},
		{"a length without a message", "\x00\x05", io.EOF},
		{"half a message", "\x00\x05ab", io.ErrUnexpectedEOF},
		{"too long", "\xf0\x01" + strings.Repeat("x", MaxMessage+1), nil},
		{"much too long", "\xff\xff" + strings.Repeat("x", 1<<16), nil},
	} {
		if b, err := Read(strings.NewReader(tt.in)); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %q, %v", tt.name, b, err)
		}
	}
}

// What is not written as agreed is refused.
func TestHostileRequests(t *testing.T) {
	hostile := []string{
		``, ` `, `null`, `true`, `1`, `"open-tun"`, `[]`, `{}`, `{"verb":""}`, `{"verb":null}`, `{"verb":1}`, `{"verb":["close"]}`,
		`{"verb":"open-tun"} `, ` {"verb":"open-tun"}`, `{"verb": "open-tun"}`, `{"verb":"open-tun"}{}`, `{"verb":"open-tun"}x`, "{\"verb\":\"open-tun\"}\n",
		`{"verb":"open-tun"`, `{"verb":"open-tun",}`, `{verb:"open-tun"}`, `{'verb':'open-tun'}`, "\ufeff{\"verb\":\"open-tun\"}",
		`{"Verb":"open-tun"}`, `{"VERB":"open-tun"}`, `{"verb":"open-tun","verb":"close"}`, `{"verb":"close","Verb":"open-tun"}`,
		`{"verb":"Open-TUN"}`, `{"verb":"open-tun\u0000"}`, `{"verb":"\u006fpen-tun"}`, `{"verb":"open-tun "}`, `{"verb":"open_tun"}`,
		`{"verb":"run"}`, `{"verb":"exec"}`, `{"verb":"open-vpn-tun"}`, `{"verb":"shutdown"}`,
		`{"verb":"open-tun","routes":[]}`, `{"verb":"open-tun","routes":null}`, `{"verb":"open-tun","routes":["100.96.0.0/16"]}`, `{"verb":"close","routes":["100.96.0.0/16"]}`,
		`{"verb":"apply-routes","routes":[]}`, `{"verb":"apply-routes","routes":null}`, `{"verb":"apply-routes","routes":{}}`, `{"verb":"apply-routes","routes":"100.96.0.0/16"}`,
		`{"routes":["100.96.0.0/16"]}`, `{"routes":["100.96.0.0/16"],"verb":"apply-routes"}`,
	}
	for _, member := range []string{"uid", "user", "name", "path", "file", "device", "command", "env", "socket", "table", "priority", "mtu", "addr4", "group", "config", "exec", "run", "pid", "gid", "fd", "__proto__", "\\u0000"} {
		for _, value := range []string{`0`, `"/etc/shadow"`, `null`, `["sh","-c","id"]`} {
			hostile = append(hostile, fmt.Sprintf(`{"verb":"open-tun","%s":%s}`, member, value))
		}
	}
	for _, route := range []string{
		``, ` `, `/`, `/0`, `0`, `0/0`, `default`, `any`, `all`, `100.96.0.0`, `100.96.0.0/`, `100.96.0.0/-1`, `100.96.0.0/33`, `100.96.0.0/016`, `100.96.0.0/+16`, `100.96.0.0/16/16`, `100.96.0.0/255.255.0.0`,
		` 100.96.0.0/16`, `100.96.0.0/16 `, `100.96.0.0 /16`, `100.96.0/16`, `100.96/16`, `0x64.96.0.0/16`, `0144.96.0.0/16`, `100.96.0.0.0/16`, `1684013056/16`, `100.96.0.256/16`, `100.096.0.0/16`,
		`fd54::/129`, `fd54::/-1`, `fd54/16`, `fd54:/16`, `:::/16`, `fd54::1::/16`, `[fd54::]/16`, `fd54::%lo/64`, `fd54::%25lo/64`, `FD54::/16`, `fd54:0::/16`, `fd54:0:0:0:0:0:0:0/16`, `fd54:0000::/16`, `::ffff:100.96.0.0/112`, `fe80::1%eth0/128`,
		`100.96.0.0/16;reboot`, "100.96.0.0/16\\n", `$(id)/16`, "`id`", `../../etc/passwd`, `/etc/passwd`, `100.96.0.0/16 dev eth0`, `100.96.0.0/16 via 10.0.0.1`, `wiki.example`, `wiki.example/16`, `localhost/8`, `*`, `.`, `\u0000`, `100.96.0.0\u0000/16`, `１００.96.0.0/16`,
		strings.Repeat("1", 3000),
	} {
		hostile = append(hostile, fmt.Sprintf(`{"verb":"apply-routes","routes":["%s"]}`, route))
	}
	for _, routes := range []string{
		`[0]`, `[null]`, `[true]`, `[[]]`, `[{}]`, `["100.96.0.0/16",]`, `["100.96.0.0/16" "100.97.0.0/16"]`, `[["100.96.0.0/16"]]`, `{"0":"100.96.0.0/16"}`,
		`[` + strings.Repeat(`"100.96.0.0/16",`, MaxRoutes) + `"100.96.0.0/16"]`, strings.Repeat(`[`, 2000) + strings.Repeat(`]`, 2000),
	} {
		hostile = append(hostile, `{"verb":"apply-routes","routes":`+routes+`}`)
	}
	for _, verb := range []string{"open-tun", "apply-routes", "open-dns-socket", "close"} {
		hostile = append(hostile, fmt.Sprintf(`{"verb":"%s","domains":["corp.example"]}`, verb), fmt.Sprintf(`{"verb":"%s","strict":true}`, verb))
	}
	for _, verb := range []string{"open-dns-socket", "apply-dns"} {
		hostile = append(hostile, fmt.Sprintf(`{"verb":"%s","routes":["100.96.0.0/16"]}`, verb), fmt.Sprintf(`{"verb":"%s","networks":["10.0.0.0/8"]}`, verb),
			fmt.Sprintf(`{"verb":"%s","server":"8.8.8.8"}`, verb), fmt.Sprintf(`{"verb":"%s","mode":"direct"}`, verb), fmt.Sprintf(`{"verb":"%s","root":"/"}`, verb))
	}
	for _, domains := range []string{`[]`, `null`, `"corp.example"`, `[1]`, `[null]`, `[["corp.example"]]`, `{"0":"corp.example"}`, `["corp.example","corp.example"]`, `["corp.example"],"strict":false`, `["corp.example"],"strict":"true"`} {
		hostile = append(hostile, `{"verb":"apply-dns","domains":`+domains+`}`)
	}
	var many []string
	for i := range MaxDomains + 1 {
		many = append(many, fmt.Sprintf(`"%d.example"`, i))
	}
	hostile = append(hostile, `{"verb":"apply-dns","domains":[`+strings.Join(many, ",")+`]}`)
	if len(hostile) < 200 {
		t.Errorf("only %d values", len(hostile))
	}
	for _, h := range hostile {
		if r, err := DecodeRequest([]byte(h)); err == nil {
			t.Errorf("%.80q is taken for %+v", h, r)
		} else if cmp.Diff(Request{}, r, same) != "" {
			t.Errorf("%.80q is refused, and yields %+v", h, r)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{`{"verb":"open-tun"}`, `{"verb":"close"}`, `{"verb":"apply-routes","routes":["100.96.0.0/16","fd54::/48"]}`, `{"verb":"x","y":[{}]}`, `{"verb":"open-dns-socket"}`, `{"verb":"apply-dns","domains":["corp.example","a.b"],"strict":true}`, `{"verb":"open-vpn"}`, `{"verb":"sense"}`, `{"verb":"apply-vpn"}`, `{"verb":"apply-vpn","vpn":` + aVPN + `}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRequest(b)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil || !bytes.Equal(again[2:], b) {
			t.Errorf("%q is written %q (%v)", b, again, err)
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{`{}`, `{"refusal":{"code":"busy","text":"x"}}`, `{"device":{"name":"tide1","mtu":65500,"addr4":"100.96.255.1","addr6":""}}`, `{"dns":{"mode":"direct","upstreams":[{"servers":["192.0.2.1:53"],"device":"eth0"}],"competitors":[{"domain":"x","wins":true}],"left":{"outside":["com"]}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { DecodeReply(b) })
}

func TestOpened(t *testing.T) {
	for name, want := range map[string]bool{
		"tide0": true, "tide1000": true, "tide4294967294": true,
		"tide": false, "tidewater": false, "tide1000.5": false, "tide-1": false, "eth0": false, "": false, "xtide1": false,
	} {
		if Opened(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// A long text is cut where it may be, and goes through.
func TestRefuse(t *testing.T) {
	for n := range 4 {
		sent := Reply{Refusal: Refuse(Failed, "%s%s", strings.Repeat("x", n), strings.Repeat("\u00e9\u20ac", 500))}
		b, err := Encode(sent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeReply(b[2:])
		if err != nil || got.Refusal.Text != sent.Refusal.Text || len(got.Refusal.Text) < 500 {
			t.Errorf("%d: %v, %+v", n, err, got.Refusal)
		}
	}
	if r := Refuse(Failed, "open %s", "a\xff"); !utf8.ValidString(r.Text) {
		t.Errorf("%q", r.Text)
	}
}
