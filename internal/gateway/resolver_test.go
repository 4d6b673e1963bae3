package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// names is a name server.
type names struct {
	mu    sync.Mutex
	addrs map[string][]string // nil value: it fails
	srv   map[string][]string
	asked int
}

func (n *names) set(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[name] = addrs
}

func (n *names) resolve(_ context.Context, name string) (out []netip.Addr, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	addrs, ok := n.addrs[name]
	switch {
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case addrs == nil:
		return nil, errors.New("no answer")
	}
	for _, a := range addrs {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func (n *names) service(_ context.Context, name string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.srv[name], nil
}

// named has the gateway ask n, and its applications be anywhere.
func named(n *names) func(*sim, *Options) {
	return func(s *sim, o *Options) {
		recorded(s, o)
		o.Resolve, o.ResolveSRV = n.resolve, n.service
		dial := o.Dial
		o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, "10.0.0.7:22")
		}
	}
}

// TestResolver: flows go where the names lead, every minute anew.
func TestResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"wiki.test": {"10.1.0.1", "10.1.0.2"}, "plain.test": {"10.1.0.1"}},
			srv: map[string][]string{"_ldap._tcp.test": {"plain.test"}}}
		s := newSim(t, named(n))
		synctest.Wait()
		k := s.authority.ticket(s.device).entitle("dns", "dns://wiki.test", 22, "").entitle("srv", "srv://_ldap._tcp.test", 389, "").
			entitle("plain", "plain.test", 80, "").entitle("net", "10.1.0.0/16", 80, "")
		c := s.client(t, s.device)
		c.admit(k)
		for _, row := range []struct {
			authority string
			status    int
		}{{"10.1.0.1:22", 200}, {"10.1.0.2:22", 200}, {"10.1.0.3:22", 403}, {"wiki.test:22", 403}, {"plain.test:389", 200}, {"other.test:389", 403}} {
			str := c.open(row.authority, "")
			if res := answered(t, str); res.StatusCode != row.status {
				t.Errorf("%s: %s", row.authority, res.Status)
			} else if row.status == http.StatusOK {
				<-s.apps
				str.CancelWrite(codeAborted)
			}
		}
		begin := time.Now()
		first, _ := s.echo(c, "10.1.0.1:22")
		second, _ := s.echo(c, "10.1.0.2:22")
		byName, _ := s.echo(c, "plain.test:80")
		byNumber, _ := s.echo(c, "10.1.0.1:80")
		s.ledger.take()
		n.set("wiki.test", "10.1.0.2", "10.1.0.3")
		n.set("plain.test", "10.1.0.9")
		expectReset(t, first, codeCut)
		expectReset(t, byName, codeCut)
		if took := time.Since(begin); took < 59*time.Second || took > 61*time.Second {
			t.Errorf("noticed after %s", took)
		}
		ping(t, second, "still named")
		ping(t, byNumber, "by a network, not by the name")
		records := s.ledger.take()
		cuts, changes := 0, 0
		for _, r := range records {
			switch r.Kind {
			case "flow-cut":
				cuts++
			case "rules-changed":
				changes++
			case "flow-closed":
				continue
			}
			if r.Trigger != wire.TriggerResolver {
				t.Errorf("%+v", r)
			}
		}
		if cuts != 2 || changes < 1 {
			t.Errorf("%d cuts, %d changes: %+v", cuts, changes, records)
		}

		n.set("wiki.test") // it fails: the answer stands for ten minutes
		n.mu.Lock()
		n.addrs["wiki.test"] = nil
		n.mu.Unlock()
		began := time.Now()
		expectReset(t, second, codeCut)
		if took := time.Since(began); took < resolveKeep-time.Minute || took > resolveKeep+time.Minute {
			t.Errorf("the last answer stood for %s", took)
		}
		ping(t, byNumber, "by a network")

		n.set("wiki.test", "10.1.0.2")
		time.Sleep(time.Minute)
		second, _ = s.echo(c, "10.1.0.2:22")
		n.mu.Lock()
		delete(n.addrs, "wiki.test") // there is no such name: at once
		n.mu.Unlock()
		began = time.Now()
		expectReset(t, second, codeCut)
		if took := time.Since(began); took > time.Minute+time.Second {
			t.Errorf("gone for %s", took)
		}
		c.quic.CloseWithError(0x100, "")
		time.Sleep(time.Second)
		s.g.resolver.mu.Lock()
		defer s.g.resolver.mu.Unlock()
		if left := len(s.g.resolver.names); left != 0 {
			t.Errorf("%d names are watched for nobody", left)
		}
	})
}

// TestBlockedName: a name that blocks and cannot be found out blocks everything
// on its ports, one that does not exist nothing.
func TestBlockedName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"secret.test": {"10.1.0.5"}, "dead.test": nil}}
		s := newSim(t, named(n))
		synctest.Wait()
		k := s.authority.ticket(s.device).entitle("net", "10.1.0.0/16", 22, "").entitle("net2", "10.1.0.0/16", 23, "").entitle("net3", "10.1.0.0/16", 24, "")
		for i, name := range []string{"dns://secret.test", "dns://dead.test", "dns://nowhere.test"} {
			k.entitlements[0].Actions = append(k.entitlements[0].Actions, wire.Action{Effect: wire.EffectBlock, Protocol: wire.TCP, Hosts: []string{name}, Ports: []uint16{22 + uint16(i)}})
		}
		c := s.client(t, s.device)
		c.admit(k)
		s.echo(c, "10.1.0.4:22")
		s.echo(c, "10.1.0.4:24")
		for _, a := range []string{"10.1.0.5:22", "10.1.0.4:23"} {
			p, h := c.refusedFlow(a)
			if p.Code != wire.CodeNotEntitled || p.Verdict == nil || p.Verdict.Reason.Kind != wire.ReasonBlocked || h.Get(wire.HeaderDecision) == "" {
				t.Errorf("%s: %+v", a, p)
			}
		}
	})
}
