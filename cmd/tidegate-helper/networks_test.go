//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The organisation's own network: the machine's default route leads to it too.
const (
	corp    = "networks = [\"10.20.0.0/16\", \"fd00:20::/32\"]\n"
	corpNet = "10.20.0.0/16"
	wiki4   = "10.20.0.5"
	wiki6   = "fd00:20::5"
)

var corpNets = []netip.Prefix{netip.MustParsePrefix(corpNet), netip.MustParsePrefix("fd00:20::/32")}

// reach sends to an address of both families, and holds what came of it against
// want, and against whether anything has left by the Ethernet.
func reach(b *bed, e *ear, uid int, want string, leaves bool) {
	b.t.Helper()
	e.heard()
	role := "send"
	if want != "echo" {
		role = "cast"
	}
	for _, to := range []string{wiki4, wiki6} {
		got, _, _ := strings.Cut(b.run(uid, role, to), ":")
		if got != want && !(want == "no echo" && got != "echo") {
			b.t.Errorf("a datagram of %d to %s: %s, want %s", uid, to, got, want)
		}
		if n := e.heard(); (n > 0) != leaves {
			b.t.Errorf("a datagram of %d to %s: %d packets have left by the Ethernet", uid, to, n)
		}
	}
}

// A network of the organisation's is led for who asked for it, and is as it was
// for everybody else, whatever becomes of the device.
func TestNetworks(t *testing.T) {
	b := newBed(t, corp)
	ear := listenAt(t, "phys1")
	ear.nets = corpNets
	u := b.client(ada)
	if out, err := exec.Command("ip", "-6", "neigh", "replace", "fd00:7::1", "lladdr", "02:00:00:00:00:01", "dev", "phys0").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	reach(b, ear, ada, "no echo", true)
	const all = "100.96.0.0/16 fd54:6964:6567::/48 +10.20.0.0/16 +fd00:20::/32"
	if got := u.say(all); got != "ok" {
		t.Fatal(got)
	}
	reach(b, ear, ada, "echo", false)
	reach(b, ear, eve, "no echo", true)
	reach(b, ear, 0, "no echo", true)
	b.traffic(ada, "echo")
	t.Run("what the list does not have, and what is this machine's, is left out", func(t *testing.T) {
		for asked, want := range map[string]string{
			"+10.0.0.0/8":                  "ok", // as far as it is allowed
			"+0.0.0.0/0":                   "ok",
			"+10.20.1.0/24 +10.20.0.0/16":  "ok",
			"+192.168.7.0/24":              "ok outside [192.168.7.0/24]",
			"+127.0.0.0/8 +10.20.4.0/24":   "ok outside [127.0.0.0/8]",
			"+169.254.169.254/32 +::/0":    "ok outside [169.254.169.254/32]",
			"+8.8.8.8/32 +fe80::/10":       "ok outside [8.8.8.8/32 fe80::/10]",
			"10.20.0.0/16":                 "outside", // guarded from everybody it is not
			"+100.96.0.0/16 +10.20.0.0/16": "ok outside [100.96.0.0/16]",
		} {
			if got := u.say(asked); got != want {
				t.Errorf("%s: %q, want %q", asked, got, want)
			}
		}
		if out, err := exec.Command("ip", "addr", "add", "10.20.30.2/24", "dev", "phys0").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		defer exec.Command("ip", "addr", "del", "10.20.30.2/24", "dev", "phys0").Run()
		if got := u.say("+10.0.0.0/8 +10.20.40.0/24"); got != "ok conflict [10.20.0.0/16]" {
			t.Error(got)
		}
		if got := strings.Join(rules(t), "\n"); !strings.Contains(got, "10.20.40.0/24") || strings.Contains(got, corpNet) {
			t.Errorf("led: %s", got)
		}
	})
	if got := u.say(all); got != "ok" {
		t.Fatal(got)
	}
	u.kill()
	eventually(t, "the rules to go", func() bool { return !strings.Contains(strings.Join(rules(t), "\n"), "5200:") })
	reach(b, ear, ada, "no echo", false)
	reach(b, ear, eve, "no echo", true)
	if got := b.run(ada, "close", ""); got != "ok" || len(rules(t)) > 0 {
		t.Fatalf("close: %s %v", got, rules(t))
	}
	reach(b, ear, ada, "no echo", true)
}

// As many as a message may have are led, of both families, and others instead.
func TestMost(t *testing.T) {
	b := newBed(t, corp)
	u := b.client(ada)
	for _, pattern := range []string{"+10.20.%d.0/25", "100.96.%d.0/25", "+10.20.%d.128/25", "fd54:6964:6567:%x::/64", "+fd00:20:%x::/48", "100.96.%d.128/25"} {
		var all []string
		for n := range 64 {
			all = append(all, fmt.Sprintf(pattern, n))
		}
		if got := u.say(strings.Join(all, " ")); got != "ok" {
			t.Errorf("%s: %s", pattern, got)
		}
		if got := len(rules(t)); got != 2*64 && got != 3*64 {
			t.Errorf("%s: %d rules", pattern, got)
		}
	}
}

// A user cannot speak to this machine's services as a host of the organisation's:
// the device only brings answers to what was sent by it.
func TestForged(t *testing.T) {
	b := newBed(t, corp)
	u := b.client(ada)
	if got := u.say("100.96.0.0/16 +10.20.0.0/16"); got != "ok" {
		t.Fatal(got)
	}
	for _, name := range []string{"all", "default", u.name} { // the most lenient machine
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		for _, name := range []string{"all", "default"} {
			os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte("1"), 0)
		}
	}()
	service, err := net.ListenUDP("udp4", &net.UDPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	port := service.LocalAddr().(*net.UDPAddr).Port
	// What it hears until it has heard us: what was injected before has come by then.
	heard := func() (all []string) {
		t.Helper()
		us, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		defer us.Close()
		if _, err := us.Write([]byte("the end")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		for {
			n, from, err := service.ReadFromUDPAddrPort(b)
			if err != nil {
				t.Fatal(err)
			}
			if from == us.LocalAddr().(*net.UDPAddr).AddrPort() {
				return all
			}
			all = append(all, fmt.Sprintf("%s from %v", b[:n], from))
		}
	}
	for _, from := range []string{"10.20.0.53:53", "192.168.7.1:53"} {
		for _, to := range []netip.Addr{u.addrs[0], netip.MustParseAddr("192.168.7.2")} {
			if got := u.say(fmt.Sprintf("inject %s %s:%d", from, to, port)); got != "ok" {
				t.Fatal(got)
			}
			if got := heard(); got != nil {
				t.Errorf("a service of root's hears %q", got)
			}
		}
	}
	// By the same way come answers, and what nobody takes for a host's.
	if got := b.run(ada, "send", wiki4); got != "echo" {
		t.Error(got)
	}
	u.say(fmt.Sprintf("inject 100.96.0.5:53 %s:%d", u.addrs[0], port))
	if heard() == nil {
		t.Error("nothing is heard at all: the service is deaf")
	}
}

// A request that fails halfway leaves what was.
func TestHalfway(t *testing.T) {
	b := newBed(t, corp)
	u := b.client(ada)
	const was = "fd54:6964:6567::/48 +fd00:20::/32"
	if got := u.say(was); got != "ok" {
		t.Fatal(got)
	}
	state := func() string {
		out, err := exec.Command("sh", "-ec", "ip rule; ip -6 rule; ip route show table 5301; ip -6 route show table 5301; ip route show type unreachable; ip -6 route show type unreachable; nft list ruleset").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		journal, err := os.ReadFile(filepath.Join(b.dir, "journal", "61001.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(out) + string(journal)
	}
	// Without its address no route of IPv4 can be made.
	if out, err := exec.Command("ip", "addr", "del", u.addrs[0].String()+"/32", "dev", u.name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := state()
	for range 5 { // nor do failures pile up
		if got := u.say("100.96.0.0/16 fd54:6964:6567::/48 +10.20.0.0/16"); got != "failed" {
			t.Fatal(got)
		}
	}
	if after := state(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if got := b.run(ada, "send", app6.String()); got != "echo" {
		t.Error(got)
	}
}

// What a reload of the firewall, or of the network, takes away is put back.
func TestPutBack(t *testing.T) {
	b := newBed(t, corp)
	ear := listenAt(t, "phys1")
	u := b.client(ada)
	if got := u.say("100.96.0.0/16 fd54:6964:6567::/48 +10.20.0.0/16 +fd00:20::/32"); got != "ok" {
		t.Fatal(got)
	}
	before := rules(t)
	b.kill()
	if out, err := exec.Command("sh", "-ec", "nft flush ruleset; for f in -4 -6; do for p in 5200 5201; do while ip $f rule del prio $p 2>/dev/null; do :; done; done; ip $f route flush table 5301; ip $f route flush type unreachable; done").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(rules(t)) > 0 || guards(t) != "" {
		t.Fatalf("still there: %v %s", rules(t), guards(t))
	}
	b.start()
	eventually(t, "the rules", func() bool { return len(rules(t)) == len(before) && guards(t) != "" })
	b.traffic(ada, "echo")
	b.traffic(eve, "no echo")
	if n := ear.heard(); n != 0 {
		t.Errorf("%d packets have left by the Ethernet", n)
	}
}

// Before the package goes, all is undone, live devices too.
func TestUndo(t *testing.T) {
	b := newBed(t, corp)
	a, c := b.client(ada), b.client(bob)
	if got := a.say("100.96.0.0/16 +10.20.0.0/16"); got != "ok" {
		t.Fatal(got)
	}
	c.kill()
	b.kill()
	out, err := b.program("-undo").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := guards(t) + strings.Join(rules(t), "\n"); left != "" || hasLink(a.name) {
		t.Errorf("left behind: %s", left)
	}
	if files, err := filepath.Glob(filepath.Join(b.dir, "journal", "*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v (%v)", files, err)
	}
}

// systemd's way to start it: the socket is descriptor 3, and the privileges are
// those of the unit.
func TestActivated(t *testing.T) {
	b := newBed(t, "")
	b.kill()
	if err := os.Remove(b.socket); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(fd), "socket")
	defer socket.Close()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: b.socket}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 64); err != nil {
		t.Fatal(err)
	}
	const caps = "-all,+net_admin,+net_bind_service,+dac_override,+chown,+fowner,+setuid,+setgid,+kill,+setpcap"
	b.cmd = exec.Command("setpriv", append([]string{"--bounding-set=" + caps, "--inh-caps=" + caps, "--no-new-privs",
		"sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=tidegate-helper.socket exec "$0" "$@"`}, b.program().Args...)...)
	b.cmd.ExtraFiles, b.cmd.Stderr = []*os.File{socket}, b.said
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the helper", func() bool { return b.status("Seccomp") == "2" })
	if err := os.Chmod(b.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	b.client(ada)
	b.traffic(ada, "echo")
	if err := os.WriteFile(filepath.Join(b.root, "etc/resolv.conf"), []byte(original), 0o644); err != nil {
		t.Fatal(err)
	}
	a := b.answerer(ada)
	a.must("open")
	if got := a.must("apply corp.example"); !strings.Contains(got, "mode=direct adapter=phys0") {
		t.Error(got)
	}
	a.kill()
	eventually(t, "the standby", func() bool { return b.parts()["standby"] != 0 })
	if got := b.run(ada, "close", ""); got != "ok" {
		t.Error(got)
	}
	const netAdmin = "0000000000001000"
	for key, want := range map[string]string{"CapEff": netAdmin, "CapPrm": netAdmin, "CapBnd": netAdmin, "NoNewPrivs": "1"} {
		if got := b.status(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	b.kill()
	os.Remove(b.socket)
}
