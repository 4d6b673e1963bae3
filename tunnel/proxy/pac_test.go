package proxy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

var pacWanted = session.Wanted{
	Apps: []session.WantedApp{
		{ID: "wiki", Entitlement: "e1", Host: "Wiki.corp", Port: 443},
		{ID: "proto", Entitlement: "e1", Host: "__proto__", Port: 80},
	},
	Routes: []session.WantedRoute{
		{Entitlement: "e1", Protocol: wire.TCP, Hosts: []string{"wiki.corp", "secret.corp"}, Ports: []uint16{80, 443}},
		{Entitlement: "e1", Protocol: wire.TCP, Hosts: []string{"secret.corp"}, Ports: []uint16{80, 443}, Exclude: true},
		{Entitlement: "e1", Protocol: wire.UDP, Hosts: []string{"dns.corp"}, Ports: []uint16{53}},
		{Entitlement: "e2", Protocol: wire.TCP, Hosts: []string{"10.20.0.0/15", "fd00:1:2::/47", "192.0.2.7", "dns://hidden.corp"}, Ports: []uint16{80}},
		{Entitlement: "e2", Protocol: wire.TCP, Hosts: []string{"10.20.3.0/24"}, Ports: []uint16{80}, Exclude: true},
		{Entitlement: "e3", Protocol: wire.TCP, Hosts: []string{"never.corp"}, Ports: []uint16{80}, Exclude: true},
		{Entitlement: "e4", Protocol: wire.ICMP, Hosts: []string{"ping.corp"}},
		{Entitlement: "e2", Protocol: wire.TCP, Hosts: []string{"10.20.3.3", "trap.corp"}, Ports: []uint16{80}, Refused: true},
	},
}

func TestPAC(t *testing.T) {
	file := string(newRules(pacWanted).file(netip.MustParseAddrPort("127.0.0.1:21000")))
	rules, _, _ := strings.Cut(strings.TrimPrefix(strings.SplitN(file, "\n", 3)[1], "var rules = "), ";")
	want := `[{"names":{".__proto__":[80],".wiki.corp":[80,443]}},` +
		`{"nets":[{"groups":[2580,0],"bits":15,"ports":[80]},{"groups":[64768,1,2,0,0,0,0,0],"bits":47,"ports":[80]},{"groups":[49152,519],"bits":32,"ports":[80]}],` +
		`"not":[{"groups":[2580,768],"bits":24,"ports":[80]}]},` +
		`{"names":{".trap.corp":[80]},"nets":[{"groups":[2580,771],"bits":32,"ports":[80]}]}]`
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(file, `return "PROXY 127.0.0.1:21000";`) || strings.Contains(file, "%!") {
		t.Error(file)
	}
	for _, hidden := range []string{"secret", "hidden", "never", "dns", "ping"} {
		if strings.Contains(file, hidden) {
			t.Errorf("it tells of %s", hidden)
		}
	}
	// What asks a resolver would tell the local network of our names.
	for _, asks := range []string{"isInNet", "dnsResolve", "isResolvable", "myIpAddress"} {
		if strings.Contains(file, asks) {
			t.Errorf("it uses %s", asks)
		}
	}
}

// The file follows what is wanted.
func TestPACFollows(t *testing.T) {
	p := start(t, newRouter())
	get := func() string {
		_, body := ask(t, p, "GET /proxy.pac HTTP/1.1\r\nConnection: close\r\nHost: "+p.Addr().String()+"\r\n\r\n")
		return body
	}
	if s := get(); !strings.Contains(s, ".wiki.corp") || !strings.Contains(s, "PROXY "+p.Addr().String()) {
		t.Error(s)
	}
	p.Apply(session.Wanted{})
	if s := get(); !strings.Contains(s, "var rules = [];") {
		t.Error(s)
	}
	res, body := ask(t, p, "CONNECT wiki.corp:443 HTTP/1.1\r\n\r\n")
	if res.StatusCode != 503 || !strings.Contains(body, "Sign in to Tidegate") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
