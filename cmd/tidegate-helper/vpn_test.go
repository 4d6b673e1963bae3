//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// What a VPN's server wants; the machine is 192.168.7.2, and 192.168.7.1 its router.
const (
	splitVPN = `{"addresses":["10.60.0.5/24"],"mtu":1400,"server":"198.51.100.9","routes":["10.61.0.0/16"]}`
	fullVPN  = `{"addresses":["10.60.0.5/24","fd60::5/64"],"mtu":1400,"server":"198.51.100.9","routes":["0.0.0.0/0","::/0"],"exclude":["10.70.0.0/16"],"servers":["10.60.0.53"],"domains":["office.example"],"all_names":true}`
)

// state is all of the machine that a VPN has to do with.
func (m *machine) state() string {
	m.t.Helper()
	var all strings.Builder
	for _, arg := range []string{"-o link", "-o addr", "-4 rule", "-6 rule", "-4 route show table all", "-6 route show table all"} {
		fmt.Fprintf(&all, "# %s\n", arg)
		for line := range strings.Lines(m.ip(strings.Fields(arg)...)) {
			if !strings.Contains(line, "fe80::") && !strings.HasPrefix(line, "multicast ff00::/8") { // the kernel's own, in its own time
				all.WriteString(line)
			}
		}
	}
	if err := m.space.Do(func() error {
		out, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
		all.Write(out)
		return err
	}); err != nil {
		m.t.Fatalf("nft: %v: %s", err, all.String())
	}
	return all.String() + m.conf()
}

// as waits until the machine is as it was.
func (m *machine) as(was, when string) {
	m.t.Helper()
	var now string
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		if now = m.state(); now == was {
			return
		}
		if time.Now().After(end) {
			m.t.Fatalf("%s, it is not as it was:\n%s\n-- but:\n%s", when, was, now)
		}
	}
}

// others have routes and rules here that are not ours, one as much like ours as there
// can be.
func (m *machine) others() {
	m.t.Helper()
	for _, line := range []string{
		"link add docker0 type veth peer name docker1", "link set docker0 up", "link set docker1 up", "addr add 172.17.0.1/16 dev docker0",
		"-6 addr add fd00:7::2/64 dev phys0 nodad", "-6 route add default via fd00:7::1 dev phys0",
		"route add 10.61.0.0/16 via 192.168.7.1 dev phys0 metric 600",
		"route add 10.9.0.0/16 via 192.168.7.1 dev phys0 proto 116 metric 50",
		"rule add pref 5203 to 10.99.0.0/16 lookup main", "rule add pref 5204 to 198.51.100.9 lookup 77",
		"rule add pref 6000 fwmark 7 lookup 5254", "-6 rule add pref 5205 to 2001:db8::/32 lookup main",
	} {
		m.ip(strings.Fields(line)...)
	}
	settled := func() bool { // the kernel has done what it does in its own time
		return !strings.Contains(m.ip("-o", "link"), "LOWERLAYERDOWN") && strings.Contains(m.ip("-6", "route", "show", "table", "local"), "local fd00:7::2 dev phys0")
	}
	for end := time.Now().Add(wait); !settled(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatal("the links do not come up")
		}
	}
}

// lacks and has say whether lines are there.
func (m *machine) has(of, lines string) {
	m.t.Helper()
	got := m.ip(strings.Fields(of)...)
	for line := range strings.SplitSeq(lines, "; ") {
		without, no := strings.CutPrefix(line, "no ")
		if strings.Contains(got, without) == no {
			m.t.Errorf("ip %s: want %q in\n%s", of, line, got)
		}
	}
}

// A VPN is made for a user, leads everybody's packets, and leaves nothing.
func TestVPN(t *testing.T) {
	m := newMachine(t, "")
	m.others()
	was := m.state()
	a := m.vpn(ada)
	if got := a.say("open"); got != "ok tidev61001" {
		t.Fatal(got)
	}
	for uid, want := range map[int]string{ada: "ok", bob: "error: operation not permitted", eve: "error: operation not permitted", nobody: "error: operation not permitted"} {
		if got := m.run(uid, "attach", "tidev61001"); got != want {
			t.Errorf("%d attaches: %s, want %s", uid, got, want)
		}
	}
	a.must("attach tidev61001")
	for _, again := range []string{"at first", "again"} {
		if got := a.must("apply " + splitVPN); got != "ok mode=" {
			t.Errorf("%s: %s", again, got)
		}
		m.has("route", "default via 192.168.7.1 dev phys0; 10.61.0.0/16 dev tidev61001 proto 116 scope link src 10.60.0.5 metric 50; 10.60.0.0/24 dev tidev61001; 10.61.0.0/16 via 192.168.7.1 dev phys0 metric 600; no 128.0.0.0/1")
	}
	for _, uid := range []int{ada, eve} {
		if got := m.run(uid, "send", "10.61.3.4"); got != "echo" {
			t.Errorf("%d sends into the VPN: %s", uid, got)
		}
	}
	got := a.must("apply " + fullVPN)
	if !strings.HasPrefix(got, "ok mode=direct") || strings.Contains(got, "=[") {
		t.Errorf("full: %s", got)
	}
	m.has("route", "default via 192.168.7.1 dev phys0; 0.0.0.0/1 dev tidev61001; 128.0.0.0/1 dev tidev61001; 172.17.0.0/16 dev docker0; no 10.61.0.0/16 dev tidev61001")
	m.has("-6 route", "default via fd00:7::1 dev phys0; ::/1 dev tidev61001; 8000::/1 dev tidev61001")
	for to, dev := range map[string]string{"198.51.100.9": "phys0", "10.70.1.1": "phys0", "8.8.8.8": "tidev61001", "192.168.7.1": "phys0", "172.17.3.4": "docker0", "2001:4860::8888": "tidev61001"} {
		if got := m.ip("route", "get", to); !strings.Contains(got, " dev "+dev+" ") {
			t.Errorf("%s leaves by %s, want %s", to, got, dev)
		}
	}
	for _, to := range []string{"203.0.113.200", "2001:db9::1"} {
		if got := m.run(eve, "send", to); got != "echo" {
			t.Errorf("into the VPN, to %s: %s", to, got)
		}
	}
	a.must("apply")
	m.has("-o addr", "no tidev61001")
	m.has("route show table all", "no tidev61001")
	m.has("rule", "no suppress; no unreachable")
	a.must("apply " + fullVPN)
	a.kill()
	m.as(was, "after the client's crash")
}

// Without an adapter, a VPN's own packets go nowhere rather than round and round.
func TestVPNWithoutAdapter(t *testing.T) {
	m := newMachine(t, "")
	a := m.vpn(ada)
	a.must("open")
	a.must("apply " + fullVPN)
	reached := func() bool {
		return m.space.Do(func() error { return exec.Command("ip", "route", "get", "198.51.100.9").Run() }) == nil
	}
	if !reached() {
		t.Fatal("there is no way to the server")
	}
	m.ip("link", "set", "phys0", "down")
	eventually(t, "no way to the server", func() bool { return !reached() })
	m.ip("link", "set", "phys0", "up")
	m.ip("route", "add", "default", "via", "192.168.7.1")
	eventually(t, "the way to the server again", reached)
	if got := m.ip("route", "get", "198.51.100.9"); !strings.Contains(got, "dev phys0") {
		t.Error(got)
	}
}

// A VPN that would cut itself off is refused, and what was stays.
func TestVPNCutOff(t *testing.T) {
	m := newMachine(t, "") // it has no way for IPv6
	a := m.vpn(ada)
	a.must("open")
	a.must("apply " + splitVPN)
	was := m.state()
	got := a.say(`apply {"addresses":["10.60.0.5/24","fd60::5/64"],"mtu":1300,"server":"2001:db8::9","routes":["0.0.0.0/0","::/0"],"servers":["10.60.0.53"],"all_names":true}`)
	if !strings.HasPrefix(got, "failed this machine is in no network by which the VPN's server 2001:db8::9 could be reached") {
		t.Error(got)
	}
	m.as(was, "after the refusal")
	a.must("apply " + fullVPN)
	a.must("apply " + splitVPN)
	m.as(was, "split again")
}

// The most that a VPN can have is set up, and undone, within a client's patience.
func TestLargeVPN(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	a.must("open")
	v := protocol.VPN{Addresses: []netip.Prefix{netip.MustParsePrefix("10.60.0.5/24")}, MTU: 1400, Server: netip.MustParseAddr("198.51.100.9"), Routes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	for n := range protocol.MaxVPNRoutes - 1 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 128 + byte(n>>8), byte(n), 0}), 24)
		if n%2 == 0 {
			v.Routes = append(v.Routes, p)
		} else {
			v.Exclude = append(v.Exclude, p)
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		began := time.Now()
		if got := a.must("apply " + string(text)); got != "ok mode=" {
			t.Error(got)
		}
		t.Logf("applied in %v", time.Since(began))
	}
	if n := strings.Count(m.ip("route"), "tidev61001"); n != 515 { // two halves, and the address's network
		t.Errorf("there are %d routes", n)
	}
	if n := strings.Count(m.ip("rule"), "\n"); n != 3+1+2*512+1 {
		t.Errorf("there are %d rules", n)
	}
	a.must("end")
	m.as(was, "in the end")
}

// There is one VPN on a machine, and only who may has it.
func TestVPNOfTwo(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a, b := m.vpn(ada), m.vpn(bob)
	a.must("open")
	if got := b.say("open"); got != "busy" {
		t.Errorf("a second user: %s", got)
	}
	if got := m.vpn(ada).say("open"); got != "busy" {
		t.Errorf("a second of the user's: %s", got)
	}
	if got := m.vpn(eve).say("open"); got != "stranger" {
		t.Errorf("a stranger: %s", got)
	}
	a.must("apply " + splitVPN)
	a.must("end")
	eventually(t, "bob's turn", func() bool { return strings.HasPrefix(b.say("open"), "ok") })
	if got := a.say("apply " + splitVPN); !strings.HasPrefix(got, "no-vpn") {
		t.Errorf("without a lease: %s", got)
	}
	m.has("link", "tidev61002; no tidev61001")
	// The sign-out from ZTA, which closes what is the user's there, ends no VPN.
	b.must("apply " + splitVPN)
	b.must("close")
	m.has("route", "10.61.0.0/16 dev tidev61002")
	b.must("end")
	m.as(was, "in the end")
	t.Run("not allowed", func(t *testing.T) {
		m := newMachine(t, "vpn = false\n")
		if got := m.vpn(ada).say("open"); got != "outside" {
			t.Error(got)
		}
	})
}

// What is somebody else's stays so.
func TestHostileVPN(t *testing.T) {
	m := newMachine(t, "networks = [\"10.20.0.0/16\"]\n")
	m.others()
	was := m.state()
	z := m.client(ada)
	if got := z.say(pool4.String() + " " + pool6.String() + " +10.20.0.0/16"); got != "ok" {
		t.Fatal(got)
	}
	b := m.vpn(bob)
	b.must("open")
	b.must("attach tidev61002")
	before := m.state()
	for _, tt := range []struct{ name, vpn, want string }{
		{"an application's address", `{"addresses":["100.96.0.9/32"],"mtu":1400,"server":"198.51.100.9"}`, "conflict "},
		{"the router's address", `{"addresses":["192.168.7.1/32"],"mtu":1400,"server":"198.51.100.9"}`, "conflict "},
		{"loopback", `{"addresses":["127.0.0.53/32"],"mtu":1400,"server":"198.51.100.9"}`, "outside "},
		{"no request", `{"addresses":["10.60.0.5/32"],"mtu":1,"server":"198.51.100.9"}`, "bad-request "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := b.say("apply " + tt.vpn); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if now := m.state(); now != before {
				t.Errorf("it has changed:\n%s\n-- was:\n%s", now, before)
			}
		})
	}
	got := b.must(`apply {"addresses":["10.60.0.5/32"],"mtu":1400,"server":"198.51.100.9","routes":["10.9.0.0/16","10.20.0.0/16","10.20.3.0/24","10.62.0.0/16","100.96.0.5/32","169.254.169.254/32","172.17.0.0/16","192.168.7.0/24"]}`)
	if want := "ok mode= conflict=[172.17.0.0/16 192.168.7.0/24 10.9.0.0/16] ours=[10.20.0.0/16 10.20.3.0/24 100.96.0.5/32] outside=[169.254.169.254/32]"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	m.has("route", "10.9.0.0/16 via 192.168.7.1 dev phys0 proto 116; 10.62.0.0/16 dev tidev61002; no 10.20")
	// Who has a full VPN gets what is nobody's, and no application's packets: not even
	// those of a program that asks for the device.
	b.must("apply " + fullVPN)
	for _, a := range []string{app4.String(), app6.String(), "10.20.0.53"} {
		if got := m.run(ada, "send", a); got != "echo" {
			t.Errorf("to the application %s: %s", a, got)
		}
	}
	for _, a := range []string{app4.String(), app6.String()} {
		if got := m.run(bob, "send", a); got == "echo" {
			t.Errorf("the VPN has got what is for %s", a)
		}
	}
	// What comes from the device is for the VPN's addresses alone, and from no
	// application.
	var service *net.UDPConn
	if err := m.space.Do(func() (err error) { service, err = net.ListenUDP("udp4", nil); return err }); err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	port := service.LocalAddr().(*net.UDPAddr).Port
	for _, from := range []string{"100.96.0.5:53 10.60.0.5", "8.8.8.8:53 192.168.7.2", "8.8.8.8:53 172.17.0.1", "8.8.8.8:53 127.0.0.1", "8.8.8.8:53 10.60.0.5"} {
		if got := b.say(fmt.Sprintf("inject %s:%d", from, port)); got != "ok" {
			t.Fatal(got)
		}
	}
	service.SetReadDeadline(time.Now().Add(wait))
	text := make([]byte, 64)
	if _, from, err := service.ReadFrom(text); err != nil || from.String() != "8.8.8.8:53" {
		t.Errorf("heard from %v: %v", from, err)
	}
	service.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if _, from, err := service.ReadFrom(text); err == nil {
		t.Errorf("heard from %v, too", from)
	}
	b.kill()
	if got := z.say("close"); got != "ok" {
		t.Error(got)
	}
	z.kill()
	m.as(was, "in the end")
}

// Whoever was first has an address: applications get none that a VPN has given.
func TestVPNWasFirst(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	a.must("open")
	a.must(`apply {"addresses":["100.96.0.9/32"],"mtu":1400,"server":"198.51.100.9"}`)
	if got := m.role(ada, "client").line(); got != "conflict" {
		t.Errorf("the applications: %s", got)
	}
	if got := m.run(ada, "close", ""); got != "ok" {
		t.Error(got)
	}
	a.must("end")
	m.as(was, "in the end")
}

// A device of that name that somebody else has made is theirs.
func TestForeignDevice(t *testing.T) {
	for _, how := range []string{"tuntap add tidev61001 mode tun", "tuntap add tidev61001 mode tun user 61001", "link add tidev61001 type veth peer name other"} {
		t.Run(how, func(t *testing.T) {
			m := newMachine(t, "")
			m.ip(strings.Fields(how)...)
			was := m.state()
			a := m.vpn(ada)
			if got := a.say("open"); got != "failed" {
				t.Error(got)
			}
			m.as(was, "after the refusal")
			m.kill()
			if out, err := m.one("-undo"); err != nil {
				t.Errorf("-undo: %v: %s", err, out)
			}
			m.as(was, "after -undo")
			m.start()
			m.ip("link", "del", "tidev61001")
			a.must("open")
		})
	}
}

// What another program takes away is put back three times, and the client hears of it.
func TestVPNIsPutBack(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	a.must("open")
	a.must("attach tidev61001")
	a.must("apply " + splitVPN)
	there := func() bool { return strings.Contains(m.ip("route"), "10.61.0.0/16 dev tidev61001") }
	for n := range 4 {
		m.ip("route", "del", "10.61.0.0/16", "dev", "tidev61001")
		want := fmt.Sprintf("taken=10.61.0.0/16,false,%d,%v", n+1, n == 3)
		for got := ""; !strings.Contains(got, want); {
			got = a.must("told")
		}
		if n < 3 {
			eventually(t, "that it is put back", there)
		}
	}
	if there() {
		t.Error("it is put back for ever")
	}
	m.has("route", "10.60.0.0/24 dev tidev61001")
	a.must("apply " + splitVPN)
	if !there() {
		t.Error("who applies again does not get it")
	}
	// What another has put in its place stays, and it is not said to be put back.
	m.ip("route", "replace", "10.61.0.0/16", "via", "192.168.7.1", "dev", "phys0", "metric", "50")
	for got := ""; !strings.Contains(got, "taken=10.61.0.0/16,false,1,"); {
		if got = a.must("told"); strings.Contains(got, "taken=10.61.0.0/16,false,1,false") {
			t.Errorf("it is told to be put back: %s", got)
		}
	}
	m.has("route", "10.61.0.0/16 via 192.168.7.1 dev phys0 metric 50")
	m.ip("route", "del", "10.61.0.0/16", "via", "192.168.7.1")
	// All of it: the device is taken down, rules and guard are taken away.
	a.must("apply " + fullVPN)
	m.ip("link", "set", "tidev61001", "down")
	for _, pref := range []string{"5203", "5204", "5205"} {
		m.ip("rule", "del", "pref", pref)
	}
	if err := m.space.Do(func() error { return exec.Command("nft", "flush", "ruleset").Run() }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that all is put back", func() bool {
		rules := m.ip("rule")
		return strings.Contains(m.ip("route"), "128.0.0.0/1 dev tidev61001") && strings.Contains(m.ip("-6", "route"), "8000::/1 dev tidev61001") &&
			strings.Contains(rules, "5203:") && strings.Contains(rules, "5204:") && strings.Contains(rules, "5205:") && strings.Contains(m.state(), "table inet tidegate_vpn")
	})
	a.must("end")
	m.as(was, "in the end")
}

// A VPN makes room for what becomes the network's, or a user's applications'.
func TestVPNMakesRoom(t *testing.T) {
	m := newMachine(t, "")
	was := m.state()
	a := m.vpn(ada)
	a.must("open")
	if got := a.must(`apply {"addresses":["10.60.0.5/32"],"mtu":1400,"server":"198.51.100.9","routes":["10.61.0.0/16"],"servers":["10.61.0.53"],"domains":["corp.example","office.example"]}`); strings.Contains(got, "=[") {
		t.Error(got)
	}
	m.ip("addr", "add", "10.61.0.0/16", "dev", "phys0")
	for got := ""; !strings.Contains(got, "conflict=[10.61.0.0/16 10.61.0.53]"); {
		got = a.must("told")
	}
	m.has("route", "no 10.61.0.0/16 dev tidev61001")
	m.ip("addr", "del", "10.61.0.0/16", "dev", "phys0")
	for got := "conflict"; strings.Contains(got, "conflict"); {
		got = a.must("told")
	}
	m.has("route", "10.61.0.0/16 dev tidev61001")
	// Its own address, too, which it keeps: the server has no other for it.
	m.ip("addr", "add", "10.60.0.1/24", "dev", "phys0")
	for got := ""; !strings.Contains(got, "conflict=[10.60.0.5]"); {
		got = a.must("told")
	}
	m.has("addr", "inet 10.60.0.5/32")
	m.has("route", "10.61.0.0/16 dev tidev61001")
	m.ip("addr", "del", "10.60.0.1/24", "dev", "phys0")
	for got := "conflict"; strings.Contains(got, "conflict"); {
		got = a.must("told")
	}
	d := m.answerer(ada)
	d.must("open")
	d.must("apply corp.example")
	for got := ""; !strings.Contains(got, "ours=[corp.example]"); {
		got = a.must("told")
	}
	d.must("close")
	for got := "ours"; strings.Contains(got, "ours"); {
		got = a.must("told")
	}
	a.must("end")
	d.kill()
	m.as(was, "in the end")
}
