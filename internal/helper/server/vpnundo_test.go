//go:build linux

package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/netlab"
)

// Where the system could not be told that a VPN has gone, its device has all the same,
// and the system is told again until it takes it; till then nobody has another.
func TestVPNNamesAreUndoneLater(t *testing.T) {
	c, err := Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	p, dir := &part{mode: osdns.ModeDirect}, t.TempDir()
	s, err := New(Options{Config: c, Journal: dir, Names: p})
	if err != nil {
		t.Fatal(err)
	}
	machine, router := space(t), space(t)
	err = netlab.Connect(netlab.Wire{Space: machine, Name: "phys0", Address: netip.MustParsePrefix("10.9.0.2/24")},
		netlab.Wire{Space: router, Name: "r0", Address: netip.MustParsePrefix("10.9.0.1/24")})
	if err == nil {
		err = machine.Route(netip.Prefix{}, netip.MustParseAddr("10.9.0.1"), "phys0")
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- machine.Do(func() error { return s.runVPN(ctx) }) }()
	defer func() {
		cancel()
		<-ended
	}()
	const user, other = 4001, 4002
	open := func(uid uint32) (l *lease, refusal *protocol.Refusal) {
		machine.Do(func() error { l, _, refusal = s.openVPN(uid, new(net.UnixConn)); return nil })
		return l, refusal
	}
	there := func(uid uint32) bool {
		return machine.Do(func() error { _, err := netlink.LinkByName(vpnName(uid)); return err }) == nil
	}
	l, refusal := open(user)
	if refusal != nil {
		t.Fatal(refusal)
	}
	v := &protocol.VPN{Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.77.2/32")}, MTU: 1400, Server: netip.MustParseAddr("203.0.113.7"),
		Servers: []netip.Addr{netip.MustParseAddr("192.168.77.53")}, Domains: []string{"own.example"}, Routes: []netip.Prefix{netip.MustParsePrefix("192.168.77.0/24")}}
	machine.Do(func() error { _, refusal = s.applyVPN(user, protocol.Request{VPN: v}); return nil })
	if refusal != nil {
		t.Fatal(refusal)
	}
	p.is(t, "the VPN's names", func() bool { return p.vpn != nil && p.vpn.Device == vpnName(user) })

	p.set(func() { p.fail = errors.New("the disk is full") })
	machine.Do(func() error { s.endVPN(l); return nil })
	if there(user) {
		t.Error("its device is there still")
	}
	if r, err := s.journal.loadVPN(); err != nil || r.Name == "" {
		t.Errorf("what is not undone is not written down: %+v, %v", r, err)
	}
	if _, refusal := open(other); refusal == nil || refusal.Code != protocol.Busy {
		t.Errorf("another user has one: %v", refusal)
	}
	if _, refusal := open(user); refusal == nil || refusal.Code != protocol.Failed || there(user) {
		t.Errorf("the user has another: %v", refusal)
	}
	const asked = 2 // by the lease's end, and by the user
	p.is(t, "a second time by itself", func() bool { return p.refused >= asked+2 })
	p.set(func() { p.fail = nil })
	p.is(t, "that its names are undone", func() bool { return p.vpn == nil })
	for _, uid := range []uint32{other, user} {
		var r vpnRecord
		p.is(t, "that nothing is written down", func() bool { r, err = s.journal.loadVPN(); return r.Name == "" || err != nil })
		l, refusal := open(uid)
		if refusal != nil || !there(uid) {
			t.Fatal(refusal)
		}
		machine.Do(func() error { s.endVPN(l); return nil })
		if there(uid) {
			t.Error("a device is left")
		}
	}
}

func space(t *testing.T) *netlab.Space {
	t.Helper()
	s, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
