//go:build linux

package main

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	files      string                           // the folder that its /etc and /run lie in
	records    func(text string, arg ...string) // resolvconf's, where it is there
	asked      chan string                      // what the network's server is asked, in order
}

var gateway = netip.MustParseAddr("192.168.7.1")

// newMachine is one whose names are looked up by /etc/resolv.conf alone.
func newMachine(t *testing.T, more string) *machine {
	t.Helper()
	m := &machine{bed: layBed(t, more), asked: make(chan string, 1000)}
	m.files = m.root
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

func (m *machine) path() string { return filepath.Join(m.files, "etc/resolv.conf") }

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
