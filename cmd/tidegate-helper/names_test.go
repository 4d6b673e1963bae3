//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

const zones = "corp.example 96.100.in-addr.arpa"

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
