package gateway

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/tidegate/tidegate/internal/wire"
)

// refusing adds an action to the ticket's first entitlement.
func (k ticket) refusing(effect wire.Effect, host string, port uint16) ticket {
	k.entitlements = append([]wire.Entitlement(nil), k.entitlements...)
	e := &k.entitlements[0]
	e.Actions = append(e.Actions[:len(e.Actions):len(e.Actions)], wire.Action{Effect: effect, Protocol: wire.TCP, Hosts: []string{host}, Ports: []uint16{port}})
	return k
}

// TestRefusalsHoldByNameAndByAddress: what refuses cannot be got round by the
// other spelling of a destination, be it written, or found out later.
func TestRefusalsHoldByNameAndByAddress(t *testing.T) {
	for _, effect := range []wire.Effect{wire.EffectBlock, wire.EffectAlert, wire.EffectExclude} {
		for _, row := range []struct{ name, allow, refuse, to string }{
			{"the address of a name", "10.1.0.0/16", "wiki.test", "10.1.0.1:22"},
			{"a name that leads to the address", "wiki.test", "10.1.0.1", "wiki.test:22"},
			{"a name that leads into the network", "wiki.test", "10.1.0.0/24", "wiki.test:22"},
			{"a name that leads to another's addresses", "wiki.test", "dns://alias.test", "wiki.test:22"},
			{"upper case", "wiki.test", "Wiki.TEST.", "WIKI.test.:22"},
			{"an IPv4 address written in IPv6", "10.1.0.0/16", "::ffff:10.1.0.1", "10.1.0.1:22"},
			{"a network written in IPv6", "10.1.0.0/16", "::ffff:10.1.0.0/120", "10.1.0.1:22"},
			{"a name below a wildcard", "wiki.corp.test", "*.corp.test", "wiki.corp.test:22"},
			{"a name below a wildcard that allows", "*.corp.test", "wiki.corp.test", "wiki.corp.test:22"},
			{"a wildcard below a wildcard", "*.corp.test", "*.eng.corp.test", "a.b.eng.corp.test:22"},
			{"an address that may be below a wildcard", "10.1.0.0/16", "*.corp.test", "10.1.0.1:22"},
			{"a name below a wildcard that leads to the address", "*.corp.test", "10.1.0.1", "wiki.corp.test:22"},
			{"a wildcard that cannot be read", "wiki.test", "*.co.uk", "wiki.test:22"},
			{"the address of a service's target", "10.1.0.0/16", "srv://_ldap._tcp.test", "10.1.0.1:22"},
		} {
			t.Run(string(effect)+" "+row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := &names{addrs: map[string][]string{"wiki.test": {"10.1.0.1"}, "alias.test": {"10.1.0.1"}, "wiki.corp.test": {"10.1.0.1"}, "a.b.eng.corp.test": {"10.1.0.7"}}, srv: map[string][]string{"_ldap._tcp.test": {"wiki.test"}}}
					s := newSim(t, named(n))
					synctest.Wait()
					c := s.client(t, s.device)
					k := s.authority.ticket(s.device).entitle("app", row.allow, 22, "")
					c.admit(k)
					str, _ := s.echo(c, row.to)
					ping(t, str, "nothing refuses it yet")
					if p := c.renew(k.refusing(effect, row.refuse, 22)); p != nil {
						t.Fatal(p)
					}
					expectReset(t, str, codeCut)
					if p, _ := c.refusedFlow(row.to); p.Code != wire.CodeNotEntitled {
						t.Errorf("%+v", p)
					}
				})
			})
		}
	}
}

// TestRefusalsLeaveNeighbours: a name that is refused takes no other name along
// that leads to the same address.
func TestRefusalsLeaveNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"wiki.test": {"10.1.0.1"}, "alias.test": {"10.1.0.1"}}}
		s := newSim(t, named(n))
		synctest.Wait()
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).entitle("app", "wiki.test", 22, "").refusing(wire.EffectBlock, "alias.test", 22)
		c.admit(k)
		str, _ := s.echo(c, "wiki.test:22")
		if p := c.renew(k); p != nil {
			t.Fatal(p)
		}
		ping(t, str, "another name")
	})
}

// TestRefusedAddressIsFoundLater: a flow by name is cut once what a resolver
// name refuses comes to be where it leads.
func TestRefusedAddressIsFoundLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"wiki.test": {"10.1.0.1"}, "secret.test": {"10.1.0.2"}}}
		s := newSim(t, named(n))
		synctest.Wait()
		c := s.client(t, s.device)
		c.admit(s.authority.ticket(s.device).entitle("app", "wiki.test", 22, "").refusing(wire.EffectBlock, "dns://secret.test", 22))
		str, _ := s.echo(c, "wiki.test:22")
		ping(t, str, "elsewhere")
		n.set("secret.test", "10.1.0.1")
		expectReset(t, str, codeCut)
	})
}

// TestMappedHosts: an IPv4 address is one however it is written.
func TestMappedHosts(t *testing.T) {
	at := target{addr: netip.MustParseAddr("10.1.0.1"), port: 22}
	from := sources{
		script: func(string) ([]string, bool) { return []string{"::ffff:10.1.0.1"}, true },
		find:   func(lookup) (answer, bool, bool) { return answer{}, false, false },
	}
	for _, a := range []wire.Action{{Hosts: []string{"::ffff:10.1.0.1"}}, {Hosts: []string{"::ffff:10.1.0.0/120"}}, {Script: "s"}} {
		a.Effect, a.Protocol, a.Ports = wire.EffectBlock, wire.TCP, []uint16{22}
		if r := compiled([]wire.Action{a}, from); !r.blocks(at) {
			t.Errorf("%+v does not refuse %s", a, at)
		}
	}
}
