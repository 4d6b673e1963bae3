package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestWildcard: a name below a wildcard is reached where nothing names it better,
// and the gateway judges where it leads, now and for as long as it is in use.
func TestWildcard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{
			"wiki.corp.test": {"10.1.0.1"}, "a.b.corp.test": {"10.1.0.2"}, "hr.corp.test": {"10.1.0.3"}, "git.eng.corp.test": {"10.1.0.4"},
			"left.corp.test": {"10.1.0.5"}, "bait.corp.test": {"10.9.0.1"}, "self.corp.test": {"127.0.0.1"}, "both.corp.test": {"10.9.0.1", "10.1.0.6"},
		}}
		s := newSim(t, named(n))
		synctest.Wait()
		k := s.authority.ticket(s.device).entitle("all", "*.corp.test", 22, "").refusing(wire.EffectExclude, "left.corp.test", 22).refusing(wire.EffectBlock, "10.9.0.0/16", 22).
			entitle("hr", "hr.corp.test", 22, "responses.mfa > now", wire.InteractionMFA).entitle("eng", "*.eng.corp.test", 22, "false")
		c := s.client(t, s.device)
		c.admit(k)
		str, _ := s.echo(c, "wiki.corp.test:22")
		ping(t, str, "below the wildcard")
		for _, name := range []string{"a.b.corp.test:22", "WIKI.corp.TEST.:22", "both.corp.test:22"} {
			other, _ := s.echo(c, name)
			other.CancelWrite(codeAborted)
			other.CancelRead(codeAborted)
		}
		for name, code := range map[string]wire.Code{
			"hr.corp.test:22":      wire.CodeDenied, // its own conditions, not the wildcard's
			"git.eng.corp.test:22": wire.CodeDenied, // the longer wildcard's
			"left.corp.test:22":    wire.CodeNotEntitled,
			"corp.test:22":         wire.CodeNotEntitled,
			"wiki.corp.test:23":    wire.CodeNotEntitled,
			"xcorp.test:22":        wire.CodeNotEntitled,
			"10.1.0.1:22":          wire.CodeNotEntitled,
			"bait.corp.test:22":    wire.CodeNotEntitled, // where it leads is blocked
			"self.corp.test:22":    wire.CodeNotEntitled, // prohibited
			"nowhere.corp.test:22": wire.CodeAppUnreachable,
		} {
			if p, _ := c.refusedFlow(name); p.Code != code {
				t.Errorf("%s: %+v, want %s", name, p, code)
			}
		}

		// What is in use is watched, and nothing else.
		synctest.Wait()
		watched := func() (all []string) {
			s.g.resolver.mu.Lock()
			defer s.g.resolver.mu.Unlock()
			for l := range s.g.resolver.names {
				all = append(all, l.name)
			}
			return all
		}
		if got := watched(); len(got) != 3 { // beside it, those that rules name
			t.Errorf("watched are %q", got)
		}
		second, _ := s.echo(c, "wiki.corp.test:22")
		n.set("wiki.corp.test", "10.1.0.9")
		began := time.Now()
		expectReset(t, str, codeCut)
		expectReset(t, second, codeCut)
		if took := time.Since(began); took > time.Minute+time.Second {
			t.Errorf("noticed after %s", took)
		}
		synctest.Wait()
		if got := watched(); len(got) != 2 {
			t.Errorf("watched are %q", got)
		}

		// An entitlement that names it better takes it over.
		str, _ = s.echo(c, "wiki.corp.test:22")
		if p := c.renew(k.entitle("wiki", "wiki.corp.test", 22, "false")); p != nil {
			t.Fatal(p)
		}
		expectReset(t, str, codeCut)
		if p, _ := c.refusedFlow("wiki.corp.test:22"); p.Code != wire.CodeDenied {
			t.Errorf("%+v", p)
		}
		c.quic.CloseWithError(0x100, "")
		time.Sleep(time.Second)
		if got := watched(); len(got) != 0 {
			t.Errorf("watched for nobody are %q", got)
		}
	})
}

// TestWildcardAnswersRotate: flows that come at once go where the first of them
// was led, though the name server turns its answer round each time.
func TestWildcardAnswersRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &names{addrs: map[string][]string{"wiki.corp.test": {"10.1.0.1"}}}
		s := newSim(t, named(n))
		synctest.Wait()
		c := s.client(t, s.device)
		c.admit(s.authority.ticket(s.device).entitle("all", "*.corp.test", 22, ""))
		first, _ := s.echo(c, "wiki.corp.test:22")
		n.set("wiki.corp.test", "10.1.0.2")
		second, _ := s.echo(c, "wiki.corp.test:22")
		ping(t, first, "one")
		ping(t, second, "two")
	})
}
