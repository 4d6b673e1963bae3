package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/tidegate/tidegate/internal/wire"
)

// learnRenew has the gateway hear of a policy that voids a session's tokens.
func (s *sim) learnRenew(t *testing.T, revision uint64, sid wire.SessionID) {
	t.Helper()
	p := wire.PolicyToken{Revision: revision, Issued: jwt.NewNumericDate(time.Now()),
		Renew: map[wire.SessionID]wire.Renewal{sid: {Revision: revision, Until: time.Now().Add(24 * time.Hour)}}}
	if err := s.g.learn(s.token(wire.TypePolicy, p)); err != nil {
		t.Fatal(err)
	}
}

// TestVoidTokensPassNothing: when a user loses something, nothing passes from
// that instant on; the renewed tokens, seconds later, cut what they do not
// allow, and everything else goes on where it was.
func TestVoidTokensPassNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		k := s.ticket().entitle("ledger", "app.test", 443, `"finance" in user.groups`)
		k.groups, k.revision = []string{"staff", "finance"}, 3
		v, _ := c.admit(k)
		wiki, _ := s.echo(c, "app.test:22")
		ledger, app := s.echo(c, "app.test:443")
		ping(t, wiki, "before")
		ping(t, ledger, "before")

		s.learnRenew(t, 5, "s-1")
		got := make(chan time.Time)
		go func() {
			ping(t, wiki, "held, not lost")
			got <- time.Now()
		}()
		go io.WriteString(ledger, "must not pass")
		opened := make(chan time.Time)
		go func() {
			c.flow("app.test:22")
			<-s.apps
			opened <- time.Now()
		}()
		time.Sleep(3 * time.Second)
		select {
		case <-got:
			t.Error("a flow went on by void tokens")
		case <-opened:
			t.Error("a flow was opened by void tokens")
		default:
		}
		if p := c.renew(k); p == nil || p.Code != wire.CodeToken {
			t.Errorf("the void tokens again: %v", p)
		}
		renewed := time.Now()
		k.groups, k.revision = []string{"staff"}, 5
		if p := c.renew(k); p != nil {
			t.Fatal(p)
		}
		for _, at := range []time.Time{<-got, <-opened} {
			if late := at.Sub(renewed); late < 0 || late > 200*time.Millisecond {
				t.Errorf("the other flow went on %s after the renewal", late)
			}
		}
		expectReset(t, ledger, codeCut)
		app.expectReset(t)
		if d := v.next().Verdicts[1]; d.Allow || d.Reason.Kind != wire.ReasonGroup {
			t.Errorf("the verdict is %+v", d)
		}
	})
}

// TestVoidTokensEndTheSession: tokens that are not renewed in time end it, and
// admit nobody again.
func TestVoidTokensEndTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		k := s.ticket()
		k.revision = 3
		v, _ := c.admit(k)
		str, app := s.echo(c, "app.test:22")
		began := time.Now()
		s.learnRenew(t, 5, "s-1")
		e := v.event()
		var p wire.Problem
		if e.Name != wire.EventEnded || json.Unmarshal(e.Data, &p) != nil || p.Code != wire.CodeToken {
			t.Errorf("event %s: %s", e.Name, e.Data)
		}
		if lasted := time.Since(began); lasted < renewGrace || lasted > renewGrace+time.Second {
			t.Errorf("it ended after %s", lasted)
		}
		expectReset(t, str, codeCut)
		app.expectReset(t)
		res := c.post(http.MethodPost, k)
		if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeToken {
			t.Errorf("the void tokens again: %v", p)
		}
		// Nor when a later policy has forgotten them.
		if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 6})); err != nil {
			t.Fatal(err)
		}
		res = c.post(http.MethodPost, k)
		if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeToken {
			t.Errorf("the void tokens under a forgetful policy: %v", p)
		}
		k.revision = 5
		c.admit(k)
		str, _ = s.echo(c, "app.test:22")
		ping(t, str, "by newer tokens")
	})
}

// TestOthersAreNotHeld: a policy that voids another session's tokens, or tokens
// that have been renewed already, delays nobody.
func TestOthersAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		k := s.ticket()
		k.revision = 3
		c.admit(k)
		str, _ := s.echo(c, "app.test:22")
		prompt := func(what string) {
			t.Helper()
			began := time.Now()
			ping(t, str, "hello")
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("%s: an echo took %s", what, took)
			}
		}
		s.learnRenew(t, 5, "s-2")
		prompt("another session's")
		k.revision = 7
		if p := c.renew(k); p != nil {
			t.Fatal(p)
		}
		s.learnRenew(t, 7, "s-1")
		prompt("renewed before")
	})
}

// TestTokensVoidedAfterVerification: what became void between the check of the
// tokens and the session's start or renewal does not slip through.
func TestTokensVoidedAfterVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		k := s.ticket()
		k.revision = 3
		c.admit(k)
		stale, p := s.g.registry.verify(ptr(k.request()), s.device.id, s.device.cert.Leaf, time.Now())
		if p != nil {
			t.Fatal(p)
		}
		s.learnRenew(t, 5, "s-1")
		session := s.g.registry.all()[0]
		session.call(func() { p = session.accept(stale, nil, false) })
		if p == nil || p.Code != wire.CodeToken {
			t.Errorf("a renewal by void tokens: %v", p)
		}
		if p := s.g.registry.add(newSession(s.g, stale, nil)); p == nil || p.Code != wire.CodeToken {
			t.Errorf("a session by void tokens: %v", p)
		}
	})
}

// TestEndedSaysWhy: a sign-out is not told as an administrator's doing.
func TestEndedSaysWhy(t *testing.T) {
	for said, told := range map[wire.Code]wire.Code{"": wire.CodeRevoked, wire.CodeRevoked: wire.CodeRevoked, wire.CodeSignedOut: wire.CodeSignedOut, "nonsense": wire.CodeRevoked} {
		t.Run("said "+string(said), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t)
				c := s.client(t, s.device)
				v, _ := c.admit(s.ticket())
				policy := wire.PolicyToken{Revision: 2, Revoked: map[wire.SessionID]time.Time{"s-1": time.Now().Add(time.Hour)}}
				if said != "" {
					policy.Ended = map[wire.SessionID]wire.Code{"s-1": said}
				}
				if err := s.g.learn(s.token(wire.TypePolicy, policy)); err != nil {
					t.Fatal(err)
				}
				e := v.event()
				var p wire.Problem
				if e.Name != wire.EventEnded || json.Unmarshal(e.Data, &p) != nil || p.Code != told {
					t.Errorf("event %s: %s", e.Name, e.Data)
				}
				res := c.post(http.MethodPost, s.ticket())
				if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != told {
					t.Errorf("again: %v", p)
				}
			})
		})
	}
}
