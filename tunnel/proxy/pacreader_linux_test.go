package proxy

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// reader asks a real reader of such files, whose JavaScript is as old as that of
// programs can be, what the file in its first argument says of each URL.
const reader = `
import sys, urllib.parse, pacparser
pacparser.init()
pacparser.parse_pac_file(sys.argv[1])
for line in sys.stdin:
    url = line.strip()
    print(pacparser.find_proxy(url, urllib.parse.urlsplit(url).hostname))
`

// TestPACIsRead has another program read the file.
func TestPACIsRead(t *testing.T) {
	w := pacWanted
	w.Routes = append(w.Routes[:len(w.Routes):len(w.Routes)],
		session.WantedRoute{Entitlement: "w1", Protocol: wire.TCP, Hosts: []string{"*.corp.example", "named.corp.example", "named.eng.corp.example"}, Ports: []uint16{80, 443}},
		session.WantedRoute{Entitlement: "w1", Protocol: wire.TCP, Hosts: []string{"left.corp.example", "*.eng.corp.example"}, Ports: []uint16{443}, Exclude: true},
		session.WantedRoute{Entitlement: "w2", Protocol: wire.TCP, Hosts: []string{"git.eng.corp.example"}, Ports: []uint16{443}},
		session.WantedRoute{Entitlement: "w3", Protocol: wire.UDP, Hosts: []string{"*.udp.example"}, Ports: []uint16{443}},
		session.WantedRoute{Entitlement: "w4", Protocol: wire.TCP, Hosts: []string{"*", "*.com", "*.co.uk", "a.*.b", "*z.star.example"}, Ports: []uint16{443}},
		session.WantedRoute{Entitlement: "w5", Protocol: wire.TCP, Hosts: []string{"only.hidden.example"}, Ports: []uint16{443}},
		session.WantedRoute{Entitlement: "w5", Protocol: wire.TCP, Hosts: []string{"*.hidden.example"}, Ports: []uint16{443}, Exclude: true},
		session.WantedRoute{Entitlement: "w6", Protocol: wire.TCP, Hosts: []string{"*.bait.example"}, Ports: []uint16{443}, Refused: true},
	)
	const proxy, direct = "PROXY 127.0.0.1:21000", "DIRECT"
	rows := []struct{ url, want string }{
		{"https://wiki.corp/", proxy},
		{"http://10.20.4.1/", proxy},
		{"http://10.20.3.1/", direct},
		{"http://www.example.com/", direct},

		{"https://wiki.corp.example/a?b", proxy},
		{"https://a.b.c.corp.example/", proxy},
		{"https://WIKI.Corp.Example./", proxy},
		{"wss://wiki.corp.example/", proxy},
		{"https://wiki.corp.example:80/", proxy},
		{"https://wiki.corp.example:8443/", direct},
		{"https://corp.example/", direct},
		{"https://xcorp.example/", direct},
		{"https://wiki.corp.example.net/", direct},
		{"https://left.corp.example/", direct},
		{"http://left.corp.example/", proxy},
		{"https://x.left.corp.example/", proxy},
		{"https://a.eng.corp.example/", direct},
		{"http://a.eng.corp.example/", proxy},
		{"https://named.eng.corp.example/", direct},
		{"http://named.eng.corp.example/", proxy},
		{"https://eng.corp.example/", proxy},
		{"https://git.eng.corp.example/", proxy}, // another entitlement's
		{"https://a.udp.example/", direct},
		{"https://www.com/", direct},
		{"https://corp.co.uk/", direct},
		{"https://a.x.b/", direct},
		{"https://az.star.example/", direct},
		{"https://only.hidden.example/", direct},
		{"https://a.bait.example/", proxy},
		{"https://constructor.corp.example/", proxy},
		{"https://a.__proto__/", direct},
	}
	all := newRules(w)
	file := filepath.Join(t.TempDir(), "proxy.pac")
	if err := os.WriteFile(file, all.file(netip.MustParseAddrPort("127.0.0.1:21000")), 0o600); err != nil {
		t.Fatal(err)
	}
	var urls strings.Builder
	for _, row := range rows {
		urls.WriteString(row.url + "\n")
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-W", "ignore", "-c", reader, file)
	cmd.Stdin = strings.NewReader(urls.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3-pacparser: %v\n%s", err, out)
	}
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(said) != len(rows) {
		t.Fatalf("%d answers to %d questions\n%s", len(said), len(rows), out)
	}
	for i, row := range rows {
		if said[i] != row.want {
			t.Errorf("%s: %s, want %s", row.url, said[i], row.want)
		}
	}
	// It tells of what is taken out only where something else would lead there.
	if text := string(all.file(netip.AddrPort{})); strings.Contains(text, "hidden") || !strings.Contains(text, "left.corp.example") {
		t.Error(text)
	}
}
