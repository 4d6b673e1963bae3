package dnssplit

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// Where every name comes to us, lookups may wait in the sockets already: nobody is
// told that his name is refused because we do not know yet whom to ask for it.
func TestNotBeforeItKnows(t *testing.T) {
	bubble(t, func(b *bench) {
		b.set(func() {
			b.slow = time.Second
			b.answer = protocol.DNS{Mode: osdns.ModeDirect, Upstreams: []osdns.Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53")}}}}
		})
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		time.Sleep(5 * time.Second)
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		if b.ignorant || !strings.HasPrefix(b.forwards, "forward [{[10.0.0.1:53]") {
			t.Errorf("it answers too early: %v, %s", b.ignorant, b.forwards)
		}
	})
}

// A change of the network is looked at once, and then again: those who bring a VPN
// up say what names it has a little later.
func TestNetworkChanges(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.set(func() {
			b.answer.Competitors = []osdns.Competitor{{Program: "openvpn", Link: "tun0", Domain: "corp.example", Wins: true}}
		})
		b.fake.watch(netwatch.Change{Network: true, Up: true})
		b.expect("flush", zones)
		want := []session.Competitor{{Program: "openvpn", Adapter: "tun0", Domain: "corp.example", Wins: true}}
		if diff := cmp.Diff(want, b.state().Competitors); diff != "" {
			t.Error(diff)
		}
		time.Sleep(10 * time.Second)
		b.expect(zones)
		time.Sleep(seldom)
		b.expect(zones)
		b.set(func() { b.answer.Competitors = nil })
		b.fake.changed <- struct{}{} // the helper has seen it first
		b.expect(zones)
		if f := b.state(); f.Competitors != nil {
			t.Errorf("it says %+v", f)
		}
	})
}

func TestEveryNameComesHere(t *testing.T) {
	bubble(t, func(b *bench) {
		up := osdns.Upstream{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}, Device: "eth0"}
		b.set(func() {
			b.answer = protocol.DNS{Mode: osdns.ModeDirect, Adapter: "eth0", Upstreams: []osdns.Upstream{up}, Filtered: true}
		})
		b.o.Pool.Set([]string{"wiki.corp.example"}, nil)
		b.Split.Apply(in)
		b.Device(true)
		b.expect("open", zones, "forward [{[192.0.2.1:53] eth0 []}]")
		f := b.state()
		defer func() {
			b.set(func() { b.answer.Filtered = false })
			b.Split.bound("eth0", os.NewSyscallError("sendto", syscall.EPERM))
			if p := b.state().Problem; p == nil || p.Code != enforced || !strings.Contains(p.Detail, "eth0") {
				t.Errorf("it says %+v", p)
			}
			b.Split.bound("eth0", nil)
			b.Split.bound("eth1", os.NewSyscallError("bind", syscall.ENODEV))
			if p := b.state().Problem; p != nil {
				t.Errorf("it says %+v", p)
			}
		}()
		if !f.All || len(f.Upstreams) != 1 || f.Upstreams[0].Adapter != "eth0" || f.Problem == nil || f.Problem.Code != "rp-filter" {
			t.Errorf("it says %+v", f)
		}
	})
}

// Whoever ended the sockets, they are opened anew.
func TestResolverEnds(t *testing.T) {
	bubble(t, func(b *bench) {
		b.signIn()
		b.fake.serve <- errors.New("the socket is gone")
		time.Sleep(short)
		b.expect("close", "open", zones)
	})
}
