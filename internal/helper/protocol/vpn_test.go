package protocol

import (
	"fmt"
	"strings"
	"testing"
)

// aVPN is one that is taken.
const aVPN = `{"addresses":["192.168.99.7/24"],"mtu":1400,"server":"203.0.113.5","routes":["0.0.0.0/0","10.0.0.0/8"],"exclude":["10.9.0.0/16"],"servers":["192.168.99.1"],"domains":["corp.test"]}`

func TestVPN(t *testing.T) {
	r, err := DecodeRequest([]byte(`{"verb":"apply-vpn","vpn":` + aVPN + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if v4, v6 := r.VPN.Full(); !v4 || v6 {
		t.Errorf("full: %v and %v, want IPv4 alone", v4, v6)
	}
	if _, err := DecodeRequest([]byte(`{"verb":"apply-vpn"}`)); err != nil {
		t.Errorf("undoing is refused: %v", err)
	}
}

// Each change of what is taken is refused.
func TestHostileVPNs(t *testing.T) {
	many := func(n int, f string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(f, i/256, i%256))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	for _, change := range [][2]string{
		{`["192.168.99.7/24"]`, `[]`}, {`["192.168.99.7/24"]`, `null`}, {`["192.168.99.7/24"]`, `["192.168.99.7/0"]`},
		{`["192.168.99.7/24"]`, `["192.168.99.7/24","192.168.98.7/24"]`}, {`["192.168.99.7/24"]`, `["::ffff:192.168.99.7/120"]`},
		{`1400`, `0`}, {`1400`, `575`}, {`1400`, `65536`}, {`1400`, `-1`}, {`1400`, `1400.5`}, {`1400`, `"1400"`},
		{`"203.0.113.5"`, `""`}, {`"203.0.113.5"`, `"127.0.0.1"`}, {`"203.0.113.5"`, `"0.0.0.0"`}, {`"203.0.113.5"`, `"224.0.0.1"`}, {`"203.0.113.5"`, `"fe80::1%eth0"`}, {`"203.0.113.5"`, `"vpn.example"`},
		{`"10.0.0.0/8"`, `"10.0.0.1/8"`}, {`"10.0.0.0/8"`, `"0.0.0.0/0"`}, {`"10.0.0.0/8"`, `"default"`}, {`"10.0.0.0/8"`, `"10.0.0.0/8 dev eth0"`},
		{`["0.0.0.0/0","10.0.0.0/8"]`, many(MaxVPNRoutes, `"10.1.%d.%d/32"`)},
		{`["10.9.0.0/16"]`, `["10.9.0.0/16","10.9.0.0/16"]`},
		{`["192.168.99.1"]`, `["localhost"]`}, {`["192.168.99.1"]`, many(MaxVPNServers+1, `"10.1.%d.%d"`)},
		{`["corp.test"]`, `["corp.test","corp.test"]`}, {`["corp.test"]`, `["."]`}, {`["corp.test"]`, `["Corp.test"]`}, {`["corp.test"]`, `["corp.test\nnameserver 1.1.1.1"]`}, {`["corp.test"]`, many(MaxVPNDomains+1, `"a%d-%d.test"`)},
		{`["corp.test"]`, `["corp.test"],"all_names":false`}, {`["corp.test"]`, `["corp.test"],"device":"eth0"`}, {`["corp.test"]`, `["corp.test"],"script":"/bin/sh"`},
	} {
		s := strings.Replace(aVPN, change[0], change[1], 1)
		if s == aVPN {
			t.Fatalf("%s is not in it", change[0])
		}
		if r, err := DecodeRequest([]byte(`{"verb":"apply-vpn","vpn":` + s + `}`)); err == nil {
			t.Errorf("%.80s is taken for %+v", change[1], r.VPN)
		}
	}
	for _, verb := range []Verb{OpenTUN, ApplyRoutes, Close, OpenDNSSocket, ApplyDNS, OpenVPN, Sense} {
		if _, err := DecodeRequest([]byte(fmt.Sprintf(`{"verb":%q,"vpn":%s}`, verb, aVPN))); err == nil {
			t.Errorf("%s is taken with a VPN", verb)
		}
	}
}
