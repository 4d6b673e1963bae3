package classicvpn

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/session"
)

// TestWhole has a user without any privilege connect to a real ocserv with a real
// openconnect and a real helper, each in its place, and has all of them fail.
func TestWhole(t *testing.T) {
	b := newBed(t)
	server := vpntest.StartOcserv(t, vpntest.OcservOptions{Space: b.n.Server, Address: b.n.Address, IPv6: true})
	b.start()
	b.do(order{Do: "save", Settings: session.VPNSettings{Name: "Office", Address: server.Address(), Protocol: session.VPNAnyConnect}})
	b.eventually("openconnect is found", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.facts.Engine != ""
	})
	saved, _ := b.wait("it is saved", func(session.VPNFact, *session.VPNPrompt) bool { return true })
	b.id = saved.ID

	words := map[string][]string{"Username": {"alice", "alice"}, "Password": {"close sesame", vpntest.Password}}
	c := b.connect(server.Certificate.Fingerprint, words)
	if c.Phase != session.VPNConnected || c.Fingerprint != server.Certificate.Fingerprint || len(c.Addresses) != 2 || !vpntest.Clients4.Contains(c.Addresses[0].Addr()) || len(c.Domains) != 1 || c.Domains[0] != vpntest.Domain || c.Full4 || c.Server != b.n.Address {
		t.Fatalf("it is %+v: %+v", c, c.Failure)
	}
	if len(words["Password"]) != 0 {
		t.Error("a wrong password is right")
	}
	b.reached()
	b.wait("DTLS carries it", func(c session.VPNFact, _ *session.VPNPrompt) bool { return c.Transport == "DTLS" })

	t.Log("the helper crashes, and is there again")
	b.must(b.helper.Process.Kill())
	b.helper.Wait()
	b.reached()
	b.help()
	b.eventually("the new one has taken it over", func() bool { return strings.Count(b.log(), "verb=apply-vpn") >= 2 })
	b.reached()

	t.Log("the machine is in another network")
	other := netip.PrefixFrom(b.n.Client4.Next(), 24)
	b.must(b.n.Client.Address("phys0", netip.PrefixFrom(b.n.Client4, 24), false))
	b.must(b.n.Client.Address("phys0", other, true))
	b.ip("route", "replace", "default", "via", b.n.Address.String(), "dev", "phys0")
	b.eventually("it has connected anew", func() bool { return strings.Count(b.log(), "verb=apply-vpn") >= 3 })
	b.wait("it is connected", func(c session.VPNFact, _ *session.VPNPrompt) bool { return c.Phase == session.VPNConnected })
	b.eventually("the office is there", func() bool { return b.page(vpntest.Web4) == nil })

	t.Log("the server ends it")
	server.Kick("alice")
	b.failed(session.VPNEnded)

	t.Log("openconnect crashes")
	if c := b.connect("", map[string][]string{"Username": {"alice"}, "Password": {vpntest.Password}}); c.Phase != session.VPNConnected {
		t.Fatalf("it is %+v", c.Failure)
	}
	b.reached()
	for _, pid := range b.openconnects() {
		b.must(syscall.Kill(pid, syscall.SIGKILL))
	}
	b.failed(session.VPNFailed)

	t.Log("the server has another key")
	server.Recertify()
	b.do(order{Do: "connect", ID: b.id})
	b.failed(session.VPNOtherServer)
	b.do(order{Do: "save", Settings: session.VPNSettings{ID: b.id, Name: "Office", Address: server.Address(), Protocol: session.VPNAnyConnect, User: "alice"}})
	if c := b.connect(server.Certificate.Fingerprint, map[string][]string{"Password": {vpntest.Password}}); c.Phase != session.VPNConnected {
		t.Fatalf("it is %+v", c.Failure)
	}
	b.reached()
	b.do(order{Do: "disconnect", ID: b.id})
	b.wait("it is disconnected", func(c session.VPNFact, _ *session.VPNPrompt) bool {
		return c.Phase == session.VPNDisconnected && c.Failure == nil
	})
	b.gone()

	t.Log("the user's Tidegate is killed while it is up, and started again")
	b.connect("", map[string][]string{"Password": {vpntest.Password}})
	orphans := b.openconnects()
	b.must(b.user.Process.Kill())
	b.user.Wait()
	b.gone()
	if len(orphans) != 1 {
		t.Fatalf("there are %d openconnects", len(orphans))
	}
	b.eventually("no openconnect is left", func() bool {
		_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", orphans[0])) // one that nobody has asked after has none
		return err != nil
	})
	b.start()
	b.wait("it has its connections", func(session.VPNFact, *session.VPNPrompt) bool { return true })
	if c := b.connect("", map[string][]string{"Password": {vpntest.Password}}); c.Phase != session.VPNConnected {
		t.Fatalf("it is %+v", c.Failure)
	}
	b.reached()
	b.do(order{Do: "disconnect", ID: b.id})
	b.gone()

	t.Log("all ends while it is up")
	b.connect("", map[string][]string{"Password": {vpntest.Password}})
	b.reached()
	b.quit()
	b.gone()
	if pids := b.openconnects(); len(pids) > 0 {
		t.Errorf("openconnect is left: %v", pids)
	}
	if s := server.Sessions(); strings.Contains(s, "alice") {
		t.Errorf("the server knows of it: %s", s)
	}
	kept, err := os.ReadFile(filepath.Join(b.dir, "ada", "config", file))
	b.must(err)
	for _, secret := range []string{vpntest.Password, "close sesame", "webvpn"} {
		if strings.Contains(b.log()+string(kept), secret) {
			t.Errorf("%q is in a log or a file", secret)
		}
	}
}
