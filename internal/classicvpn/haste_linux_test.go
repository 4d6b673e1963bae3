package classicvpn

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

// TestHaste connects and disconnects in turn, at whatever moment that is, and has the
// helper crash in turn: nothing fails, and nothing is left.
func TestHaste(t *testing.T) {
	b := newBed(t)
	server := vpntest.StartOcserv(t, vpntest.OcservOptions{Space: b.n.Server, Address: b.n.Address})
	b.start()
	b.do(order{Do: "save", Settings: session.VPNSettings{Address: server.Address(), Protocol: session.VPNAnyConnect, User: "alice"}})
	saved, _ := b.wait("it is saved", func(session.VPNFact, *session.VPNPrompt) bool { return true })
	b.id = saved.ID
	password := func() map[string][]string { return map[string][]string{"Password": {vpntest.Password}} }
	disconnect := func() {
		b.do(order{Do: "disconnect", ID: b.id})
		c, _ := b.wait("it is disconnected", func(c session.VPNFact, _ *session.VPNPrompt) bool { return c.Phase == session.VPNDisconnected })
		if c.Failure != nil {
			t.Errorf("it has failed: %+v", *c.Failure)
		}
		if pids := b.openconnects(); len(pids) > 0 {
			t.Errorf("openconnect is left: %v", pids)
		}
	}
	b.connect(server.Certificate.Fingerprint, password())
	disconnect()
	for n := range 12 {
		b.do(order{Do: "connect", ID: b.id})
		b.wait("it begins", func(c session.VPNFact, _ *session.VPNPrompt) bool { return c.Phase != session.VPNDisconnected })
		if n%2 > 0 {
			_, p := b.wait("it asks", func(_ session.VPNFact, p *session.VPNPrompt) bool { return p != nil && !p.Busy })
			b.do(order{Do: "answer", ID: p.ID, Values: []session.Secret{vpntest.Password}})
		}
		time.Sleep(time.Duration(n) * 30 * time.Millisecond) // wherever that is
		disconnect()
	}
	if c := b.connect("", password()); c.Phase != session.VPNConnected {
		t.Fatalf("it is %+v", c.Failure)
	}
	for n := range 6 {
		b.must(b.helper.Process.Kill())
		b.helper.Wait()
		b.help()
		time.Sleep(time.Duration(n) * 60 * time.Millisecond)
	}
	b.eventually("the office is there", func() bool { return b.page(vpntest.Web4) == nil })
	b.wait("it is connected", func(c session.VPNFact, _ *session.VPNPrompt) bool { return c.Phase == session.VPNConnected })
	disconnect()
	b.gone()
}
