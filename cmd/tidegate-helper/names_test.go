//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/netlab"
)

// machine is a bed in a network of its own, with a name server at the other end
// of its Ethernet.
type machine struct {
	*bed
	space, net *netlab.Space
	asked      chan string // what the network's server is asked, in order
}

var gateway = netip.MustParseAddr("192.168.7.1")

// newMachine is one whose names are looked up by /etc/resolv.conf alone.
func newMachine(t *testing.T, more string) *machine {
	t.Helper()
	m := &machine{bed: layBed(t, more), asked: make(chan string, 1000)}
	for _, s := range []**netlab.Space{&m.space, &m.net} {
		made, err := netlab.NewSpace()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { made.Close() })
		*s = made
	}
	err := netlab.Connect(
		netlab.Wire{Space: m.space, Name: "phys0", Address: netip.MustParsePrefix("192.168.7.2/24")},
		netlab.Wire{Space: m.net, Name: "far", Address: netip.PrefixFrom(gateway, 24)})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.space.Route(netip.Prefix{}, gateway, "phys0"); err != nil {
		t.Fatal(err)
	}
	if err := resolvedtest.Serve(t, m.net.Do, netip.AddrPortFrom(gateway, 53), func(w dns.ResponseWriter, q *dns.Msg) {
		m.asked <- strings.TrimSuffix(strings.ToLower(q.Question[0].Name), ".")
		resolvedtest.Always(netip.MustParseAddr("203.0.113.7"))(w, q)
	}); err != nil {
		t.Fatal(err)
	}
	m.start0 = m.space.Start
	m.write(original)
	m.start()
	t.Cleanup(func() {
		m.kill()
		if t.Failed() {
			t.Logf("the helper said: %s", m.said)
		}
	})
	return m
}

const original = "# the network's\nnameserver 192.168.7.1\nsearch lan.example\n"

func (m *machine) path() string { return filepath.Join(m.root, "etc/resolv.conf") }

func (m *machine) write(text string) {
	m.t.Helper()
	if err := os.WriteFile(m.path(), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// conf is what stands in resolv.conf.
func (m *machine) conf() string {
	m.t.Helper()
	b, err := os.ReadFile(m.path())
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// ours says whether the system asks us.
func (m *machine) ours() bool { return strings.Contains(m.conf(), "nameserver 127.11.0.53") }

// lookup asks whom the system asks, and returns the address or the code.
func (m *machine) lookup(name string) string {
	var answer *dns.Msg
	err := m.space.Do(func() (err error) {
		q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
		answer, _, err = (&dns.Client{Timeout: 5 * time.Second}).Exchange(q, protocol.DNSServer.String())
		return err
	})
	switch {
	case err != nil:
		return "error: " + err.Error()
	case len(answer.Answer) == 1:
		return answer.Answer[0].(*dns.A).A.String()
	}
	return dns.RcodeToString[answer.Rcode]
}

// expect looks names up until each has come to what is wanted.
func (m *machine) expect(of string, want ...string) {
	m.t.Helper()
	for i := 0; i < len(want); i += 2 {
		var got string
		for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
			if got = m.lookup(want[i]); got == want[i+1] || want[i+1] == "error" && strings.HasPrefix(got, "error") {
				break
			}
			if time.Now().After(end) {
				m.t.Fatalf("%s: %s is %s, want %s", of, want[i], got, want[i+1])
			}
		}
	}
}

// leaked are names of ours that the network's server was asked for.
func (m *machine) leaked() (names []string) {
	for {
		select {
		case n := <-m.asked:
			if strings.HasSuffix(n, "corp.example") {
				names = append(names, n)
			}
		default:
			return names
		}
	}
}

// answerer is a user's client that answers names.
type answerer struct{ *person }

func (b *bed) answerer(uid int) answerer {
	b.t.Helper()
	u := &person{b: b, cmd: b.command(uid, "answerer", "")}
	var err error
	if u.in, err = u.cmd.StdinPipe(); err != nil {
		b.t.Fatal(err)
	}
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	u.out = bufio.NewScanner(out)
	u.out.Buffer(nil, 1<<20)
	if err := b.start0(u.cmd); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(u.kill)
	return answerer{u}
}

// must says something that succeeds.
func (a answerer) must(text string) string {
	a.b.t.Helper()
	got := a.say(text)
	if got != "ok" && !strings.HasPrefix(got, "ok ") {
		a.b.t.Fatalf("%s: %s", text, got)
	}
	return got
}

const zones = "corp.example 96.100.in-addr.arpa"

// parts are the helper's processes by what they are.
func (b *bed) parts() map[string]int {
	all := map[string]int{}
	pids := []int{b.cmd.Process.Pid}
	for len(pids) > 0 {
		pid := pids[0]
		pids = pids[1:]
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		f := strings.Split(string(line), "\x00")
		name := "main"
		if i := slices.Index(f, "-part"); i >= 0 {
			name = f[i+1]
		}
		all[name] = pid
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, t := range tasks {
			text, _ := os.ReadFile(t)
			for _, c := range strings.Fields(string(text)) {
				n, _ := strconv.Atoi(c)
				pids = append(pids, n)
			}
		}
	}
	return all
}

// The system asks the client for names, as long as the user wants that.
func TestNames(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	if got := a.say("apply corp.example"); got != "no-socket" {
		t.Errorf("without sockets: %s", got)
	}
	a.must("open")
	if m.conf() != original {
		t.Errorf("with sockets alone: %s", m.conf())
	}
	got := a.must("apply " + zones)
	if !strings.Contains(got, "mode=direct adapter=phys0 filtered=false") || !strings.Contains(got, "192.168.7.1:53") || !m.ours() {
		t.Errorf("%s\n%s", got, m.conf())
	}
	if again := a.must("apply " + zones); again != got {
		t.Errorf("again: %s, and first %s", again, got)
	}
	m.expect("beside the client", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
	b := m.answerer(bob)
	if got := b.say("open"); got != "busy" {
		t.Errorf("a second user: %s", got)
	}
	if got := b.say("apply corp.example"); got != "no-socket" {
		t.Errorf("a second user: %s", got)
	}
	if got := m.answerer(ada).say("open"); got != "busy" {
		t.Errorf("a second client of the user: %s", got)
	}
	if got := m.answerer(eve).say("open"); got != "stranger" {
		t.Errorf("a stranger: %s", got)
	}
	b.must("close") // what is bob's, which is nothing
	if !m.ours() {
		t.Error("another's close has undone it")
	}
	if got := a.must("apply"); m.conf() != original {
		t.Errorf("no domain: %s\n%s", got, m.conf())
	}
	a.must("apply " + zones)
	a.must("close")
	if m.conf() != original {
		t.Errorf("after the end: %s", m.conf())
	}
	a.must("lost")
	a.must("drop")
	b.must("open")
	b.must("apply " + zones)
	m.expect("beside the other's", "wiki.corp.example", app4.String())
	b.must("close")
	if names := m.leaked(); names != nil {
		t.Errorf("the network's server was asked for %v", names)
	}
}

// A client that is killed has its names fail, and all others go on; the next
// takes over, whoever's it is.
func TestTheAnswererIsKilled(t *testing.T) {
	m := newMachine(t, "")
	for _, next := range []int{ada, bob} {
		a := m.answerer(ada)
		a.must("open")
		a.must("apply " + zones)
		a.kill()
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7", "7.0.96.100.in-addr.arpa", "SERVFAIL")
		if !m.ours() {
			t.Errorf("the system no longer asks us: %s", m.conf())
		}
		n := m.answerer(next)
		n.must("open")
		n.must("apply " + zones)
		m.expect("by the next", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
		if _, ok := m.parts()["standby"]; ok {
			t.Error("there is a standby still")
		}
		n.must("close")
		if m.conf() != original {
			t.Errorf("after the end: %s", m.conf())
		}
		n.must("drop")
	}
	if names := m.leaked(); names != nil {
		t.Errorf("the network's server was asked for %v", names)
	}
}

// One who has gone may close from elsewhere.
func TestCloseAfterDeath(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	a.kill()
	m.expect("in its place", "wiki.corp.example", "SERVFAIL")
	if got := m.run(bob, "close", ""); got != "ok" || !m.ours() {
		t.Errorf("another's close: %s\n%s", got, m.conf())
	}
	if got := m.run(ada, "close", ""); got != "ok" || m.conf() != original {
		t.Errorf("close: %s\n%s", got, m.conf())
	}
	m.expect("afterwards", "www.example.org", "error")
}

// The helper and its parts may go at any time, and come again.
func TestPartsAreKilled(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	t.Run("the worker", func(t *testing.T) {
		was := m.parts()["worker"]
		if err := syscall.Kill(was, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		m.write(original) // as somebody may meanwhile
		eventually(t, "another worker", func() bool { n := m.parts()["worker"]; return n != 0 && n != was })
		eventually(t, "that it applies it again", m.ours)
		m.expect("all the while", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
		a.must("apply " + zones)
	})
	t.Run("the helper", func(t *testing.T) {
		m.kill()
		m.expect("without a helper", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
		a.must("lost")
		eventually(t, "the end of the parts", func() bool { return len(m.parts()) == 1 })
		m.start()
		m.expect("with the next helper", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
		a.must("drop")
		a.must("open")
		a.must("apply " + zones)
		m.expect("with another lease", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
	})
	t.Run("the standby", func(t *testing.T) {
		a.kill()
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
		was := m.parts()["standby"]
		if err := syscall.Kill(was, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another standby", func() bool { n := m.parts()["standby"]; return n != 0 && n != was })
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
	})
	t.Run("the worker beside the standby", func(t *testing.T) {
		syscall.Kill(m.parts()["worker"], syscall.SIGKILL)
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
	})
	t.Run("the helper beside the standby", func(t *testing.T) {
		m.kill()
		m.start()
		m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
	})
	t.Run("the helper is stopped", func(t *testing.T) {
		m.cmd.Process.Signal(syscall.SIGTERM)
		m.cmd.Wait()
		if m.conf() != original {
			t.Errorf("nobody answers, and all names come to us: %s", m.conf())
		}
		m.start()
		m.expect("with the next helper", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
		eventually(t, "that the system asks us", m.ours)
	})
	if got := m.run(ada, "close", ""); got != "ok" || m.conf() != original {
		t.Errorf("close: %s\n%s", got, m.conf())
	}
	if names := m.leaked(); names != nil {
		t.Errorf("the network's server was asked for %v", names)
	}
}

// Without a helper the journal is undone, at the boot or by hand.
func TestPutBackLater(t *testing.T) {
	for _, how := range []string{"-recover", "-undo", "the next start"} {
		t.Run(how, func(t *testing.T) {
			m := newMachine(t, "")
			a := m.answerer(ada)
			a.must("open")
			a.must("apply " + zones)
			m.kill()
			a.kill()
			if !m.ours() {
				t.Fatal(m.conf())
			}
			if how != "-undo" { // the machine is started anew: its /run is empty
				if out, err := m.one("-recover"); err != nil || !m.ours() {
					t.Errorf("while the helper is only away: %v: %s\n%s", err, out, m.conf())
				}
				if err := os.RemoveAll(filepath.Join(m.dir, "journal")); err != nil {
					t.Fatal(err)
				}
			}
			if how == "the next start" {
				m.start()
				eventually(t, "what was", func() bool { return m.conf() == original })
				return
			}
			if out, err := m.one(how); err != nil || m.conf() != original {
				t.Errorf("%v: %s\n%s", err, out, m.conf())
			}
			if out, err := m.one(how); err != nil || m.conf() != original {
				t.Errorf("again: %v: %s\n%s", err, out, m.conf())
			}
			if left := m.ip("rule"); how == "-undo" && strings.Contains(left, "5202") {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

// one runs the program to its end.
func (m *machine) one(arg ...string) (string, error) {
	cmd := m.program(arg...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := m.start0(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	return out.String(), err
}

// ip is what iproute2 says in the machine's network.
func (m *machine) ip(arg ...string) (out string) {
	m.t.Helper()
	err := m.space.Do(func() error {
		b, err := exec.Command("ip", arg...).CombinedOutput()
		out = string(b)
		return err
	})
	if err != nil {
		m.t.Fatalf("ip %v: %v: %s", arg, err, out)
	}
	return out
}

// What somebody else writes is taken up, and the client told.
func TestNamesChange(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	second := netip.MustParseAddr("192.168.7.9")
	if err := m.net.Address("far", netip.PrefixFrom(second, 24), true); err != nil {
		t.Fatal(err)
	}
	if err := resolvedtest.Serve(t, m.net.Do, netip.AddrPortFrom(second, 53), resolvedtest.Always(netip.MustParseAddr("203.0.113.9"))); err != nil {
		t.Fatal(err)
	}
	m.write("nameserver 192.168.7.9\n")
	a.must("changed")
	if got := a.must("apply " + zones); !strings.Contains(got, "192.168.7.9:53") {
		t.Error(got)
	}
	eventually(t, "us at the top", m.ours)
	m.expect("with the new server", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.9")
	a.kill()
	m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.9")
	m.write(original)
	m.expect("with the old server", "www.example.org", "203.0.113.7", "wiki.corp.example", "SERVFAIL")
	m.run(ada, "close", "")
	if m.conf() != original {
		t.Errorf("after the end: %s", m.conf())
	}
}

// Only the administrator's domains are led, and nobody's who has all the world
// below them.
func TestDomainsAreLeft(t *testing.T) {
	m := newMachine(t, "domains = [\"corp.example\", \"intranet\"]\n")
	a := m.answerer(ada)
	a.must("open")
	got := a.must("apply wiki.corp.example corp.example intranet a.intranet example.org com corp example localhost x.local 96.100.in-addr.arpa 7.168.192.in-addr.arpa evilcorp.example")
	if !strings.Contains(got, "outside=[example.org com corp example localhost x.local 7.168.192.in-addr.arpa evilcorp.example]") {
		t.Error(got)
	}
	for _, hostile := range []string{"CORP.example", "corp.example.", "corp..example", "*.corp.example", "~corp.example", strings.Repeat("a", 64) + ".corp.example", "corp.example corp.example"} {
		if got := a.say("apply " + hostile); got != "bad-request" {
			t.Errorf("%s: %s", hostile, got)
		}
	}
	if got := a.must("apply example.org"); m.conf() != original {
		t.Errorf("nothing that is ours: %s\n%s", got, m.conf())
	}
	a.must("close")
}

// Each process has what its part takes.
func TestPartsHaveLittle(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	a.kill()
	m.expect("in its place", "wiki.corp.example", "SERVFAIL")
	const none, netAdmin, wide = "0000000000000000", "0000000000001000", "00000000000014eb"
	for part, want := range map[string]map[string]string{
		"main":    {"CapEff": netAdmin, "CapPrm": netAdmin, "CapBnd": netAdmin, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Uid": "0 0 0 0"},
		"names":   {"CapEff": wide, "CapPrm": wide, "CapBnd": wide, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Uid": "0 0 0 0"},
		"worker":  {"CapEff": wide, "CapPrm": wide, "CapBnd": wide, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1", "Uid": "0 0 0 0"},
		"standby": {"CapEff": none, "CapPrm": none, "CapInh": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "2", "Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": ""},
	} {
		pid := m.parts()[part]
		if pid == 0 {
			t.Errorf("there is no %s: %v", part, m.parts())
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		said := map[string]string{}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			said[key] = strings.Join(strings.Fields(value), " ")
		}
		for key, w := range want {
			if said[key] != w {
				t.Errorf("%s: %s is %s, want %s", part, key, said[key], w)
			}
		}
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", m.parts()["standby"]))
	if err != nil || len(env) > 0 {
		t.Errorf("the standby has the environment %q, %v", env, err)
	}
}

// Lookups go on through any number of changes of who answers.
func TestNothingIsLost(t *testing.T) {
	m := newMachine(t, "")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	ctx, cancel := context.WithCancel(t.Context())
	lost := make(chan string, 1)
	go func() {
		defer close(lost)
		for n := 0; ctx.Err() == nil; n++ {
			var got string
			for range 3 { // what a process had heard when it was killed is asked again
				if got = m.lookup(fmt.Sprintf("www%d.example.org", n)); !strings.Contains(got, "timeout") {
					break
				}
			}
			if got != "203.0.113.7" {
				lost <- got
				return
			}
		}
	}()
	for range 3 {
		a.kill()
		m.expect("in its place", "wiki.corp.example", "SERVFAIL")
		a = m.answerer(ada)
		a.must("open")
		a.must("apply " + zones)
		m.expect("by the next", "wiki.corp.example", app4.String())
	}
	cancel()
	for got := range lost {
		t.Errorf("a lookup has come to %s", got)
	}
	a.must("close")
}

// Another program at the address is told of, and nothing is changed.
func TestTheAddressIsTaken(t *testing.T) {
	m := newMachine(t, "")
	var other net.PacketConn
	if err := m.space.Do(func() (err error) {
		other, err = net.ListenPacket("udp4", protocol.DNSServer.String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	a := m.answerer(ada)
	if got := a.say("open"); got != "failed" {
		t.Errorf("open: %s", got)
	}
	other.Close()
	a.must("open")
}

// What is not ours leaves by the physical adapter even while another VPN has taken
// the default route, client or none.
func TestBesideAVPN(t *testing.T) {
	m := newMachine(t, "")
	far := netip.MustParseAddr("198.51.100.53") // behind the gateway
	if err := m.net.Address("lo", netip.PrefixFrom(far, 32), true); err != nil {
		t.Fatal(err)
	}
	if err := resolvedtest.Serve(t, m.net.Do, netip.AddrPortFrom(far, 53), resolvedtest.Always(netip.MustParseAddr("203.0.113.53"))); err != nil {
		t.Fatal(err)
	}
	m.write("nameserver 198.51.100.53\n")
	a := m.answerer(ada)
	a.must("open")
	a.must("apply " + zones)
	m.ip("tuntap", "add", "vpn0", "mode", "tun")
	m.ip("addr", "add", "10.60.0.2/24", "dev", "vpn0")
	m.ip("link", "set", "vpn0", "up")
	m.ip("route", "replace", "default", "dev", "vpn0")
	if got := a.must("apply " + zones); !strings.Contains(got, "adapter=phys0 filtered=false") || !strings.Contains(got, "198.51.100.53:53] phys0") {
		t.Error(got)
	}
	m.expect("beside a VPN", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.53")
	a.kill()
	m.expect("beside a VPN, by the standby", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.53")
	a = m.answerer(ada)
	a.must("open")
	if err := m.space.Sysctl("ipv4/conf/all/rp_filter", "1"); err != nil {
		t.Fatal(err)
	}
	if got := a.must("apply " + zones); !strings.Contains(got, "filtered=true") {
		t.Errorf("strictly: %s", got)
	}
	a.must("close")
	if left := m.ip("rule") + m.ip("route", "show", "table", "all"); strings.Contains(left, "5254") {
		t.Errorf("left behind: %s", left)
	}
}
