package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"

	flows "github.com/tidegate/tidegate/internal/flow"
	"github.com/tidegate/tidegate/internal/wire"
)

// limited has newSim's gateway keep less.
func limited(l Limits) func(*sim, *Options) {
	return func(_ *sim, o *Options) { o.Config.Limits = l }
}

// park opens flows, and has their carrier vanish.
func (s *sim) park(t *testing.T, k ticket, where ...string) (ends []*end, apps []*simApp) {
	t.Helper()
	c := s.client(t, s.device)
	c.admit(k)
	for _, w := range where {
		e := newEnd(t, w)
		e.attach(c)
		app := <-s.apps
		say(t, e.program, "hello")
		line(t, app, "hello")
		ends, apps = append(ends, e), append(apps, app)
		time.Sleep(time.Second) // acknowledged
		e.end.Detach(1)
		time.Sleep(time.Second) // one is parked after the other
	}
	c.vanish()
	return ends, apps
}

// TestParkedFlowsAreJudged: whatever ends a verdict ends a parked flow at once,
// and with the last of them the session.
func TestParkedFlowsAreJudged(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*testing.T, *sim, *names)
		within time.Duration
		code   wire.Code // of coming back by the same tokens; empty: it is admitted
	}{
		"its lease ends":           {change: func(*testing.T, *sim, *names) {}, within: time.Hour + 30*time.Minute},
		"its session is revoked":   {change: revoke(""), code: wire.CodeRevoked},
		"the user signs out":       {change: revoke(wire.CodeSignedOut), code: wire.CodeSignedOut},
		"the user's risk is high":  {change: func(t *testing.T, s *sim, _ *names) { s.learnRisk(t, 2, map[string]wire.Risk{"alice": {Level: 90}}) }},
		"its name leads elsewhere": {change: func(_ *testing.T, _ *sim, n *names) { n.set("app.test", "10.0.0.8") }, within: resolveEvery},
		"the policies change":      {change: func(t *testing.T, s *sim, _ *names) { s.learnRenew(t, 5, "s-1") }, within: renewGrace + time.Second, code: wire.CodeToken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &names{addrs: map[string][]string{"app.test": {"10.0.0.7"}}}
				s := newSim(t, named(n), halves, func(_ *sim, o *Options) { o.Config.Hosts = nil })
				synctest.Wait()
				k := s.authority.ticket(s.device).entitle("app", "app.test", 22, `within(responses.mfa, duration("60m")) && risk < 50`, wire.InteractionMFA).answered(wire.InteractionMFA, time.Now())
				k.instance = "process-1"
				ends, apps := s.park(t, k, "app.test:22")
				began := time.Now()
				row.change(t, s, n)
				apps[0].expectReset(t)
				if took := time.Since(began); took > row.within+time.Second {
					t.Errorf("it took %s", took)
				}
				time.Sleep(time.Second)
				if n := len(s.g.registry.all()); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
				c := s.client(t, s.device)
				res := c.post(http.MethodPost, k)
				if row.code != "" {
					if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != row.code {
						t.Errorf("coming back: %v", p)
					}
					return
				}
				if p := ends[0].tryAttach(c); p == nil || p.Code != wire.CodeFlowGone {
					t.Errorf("resumed afterwards: %v", p)
				}
			})
		})
	}
}

func revoke(why wire.Code) func(*testing.T, *sim, *names) {
	return func(t *testing.T, s *sim, _ *names) {
		p := wire.PolicyToken{Revision: 2, Revoked: map[wire.SessionID]time.Time{"s-1": time.Now().Add(24 * time.Hour)}}
		if why != "" {
			p.Ended = map[wire.SessionID]wire.Code{"s-1": why}
		}
		if err := s.g.learn(s.token(wire.TypePolicy, p)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAttachedFlowIsCutAtBothEnds: on whatever carrier it is, and with no event
// stream there to tell.
func TestAttachedFlowIsCutAtBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		k := s.lastingTicket()
		first, second := s.client(t, s.device), s.client(t, s.device)
		first.admit(k)
		if res := second.postTo(http.MethodPost, wire.PathDataCarrier, k); res.StatusCode != http.StatusNoContent {
			t.Fatal(wire.ReadProblem(res.StatusCode, res.Body))
		}
		e := newEnd(t, "app.test:22")
		e.attach(second)
		app := <-s.apps
		say(t, e.program, "hello")
		line(t, app, "hello")
		first.vanish()
		wantKinds(t, s.ledger.take(), "session-added connect", "flow-opened access", "session-suspended")
		say(t, e.program, "on the other carrier")
		line(t, app, "on the other carrier")
		if p := second.report(wire.DeviceClaims{"firewall": true}); p != nil {
			t.Errorf("a report on the other carrier: %v", p)
		}
		revoke("")(t, s, nil)
		app.expectReset(t)
		if err := e.over(); !errors.Is(err, flows.ErrReset) {
			t.Errorf("the client saw %v", err)
		}
		wantKinds(t, s.ledger.take(), "flow-cut revoked", "session-removed revoked")
	})
}

// TestJoinedCarriers: a further connection is bound by the same tokens, and
// brings nothing older.
func TestJoinedCarriers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves, limited(Limits{Connections: 1}))
		older := s.lastingTicket()
		older.issued = time.Now().Add(-time.Minute)
		k := s.lastingTicket()
		k.issued = time.Now()
		first, second, third := s.client(t, s.device), s.client(t, s.device), s.client(t, s.device)
		join := func(c *client, k ticket) (int, wire.Code) {
			t.Helper()
			res := c.postTo(http.MethodPost, wire.PathDataCarrier, k)
			if res.StatusCode == http.StatusNoContent {
				return res.StatusCode, ""
			}
			return res.StatusCode, wire.ReadProblem(res.StatusCode, res.Body).Code
		}
		expect := func(what string, status int, code wire.Code, wantStatus int, wantCode wire.Code) {
			t.Helper()
			if status != wantStatus || code != wantCode {
				t.Errorf("%s: %d %s, want %d %s", what, status, code, wantStatus, wantCode)
			}
		}
		status, code := join(second, k)
		expect("no session yet", status, code, 403, wire.CodeNoSession)
		first.admit(k)
		other := k
		other.instance = "process-2"
		status, code = join(second, other)
		expect("another process", status, code, 403, wire.CodeNoSession)
		other.instance = ""
		status, code = join(second, other)
		expect("no process", status, code, 403, wire.CodeNoSession)
		status, code = join(second, older)
		expect("older tokens", status, code, 409, wire.CodeToken)
		status, code = join(second, k)
		expect("joined", status, code, 204, "")
		status, code = join(second, k)
		expect("joined twice", status, code, 204, "")
		status, code = join(third, k)
		expect("one too many", status, code, 429, wire.CodeOverload)
		second.vanish()
		status, code = join(third, k)
		expect("in its place", status, code, 204, "")
		if n := len(s.g.registry.all()); n != 1 {
			t.Errorf("%d sessions", n)
		}
		first.vanish() // no flow keeps it
		if n := len(s.g.registry.all()); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestParkingLimits: what has been parked longest goes first.
func TestParkingLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves, limited(Limits{ParkedFlows: 2, ParkedFor: wire.Duration(time.Hour)}))
		k := s.lastingTicket().entitled23()
		_, apps := s.park(t, k, "app.test:22", "app.test:23", "app.test:22")
		apps[0].expectReset(t)
		if apps[1].reset.Load() || apps[2].reset.Load() {
			t.Error("a later one is gone")
		}
		began := time.Now()
		apps[1].expectReset(t) // for its age
		if took := time.Since(began); took < 59*time.Minute || took > time.Hour {
			t.Errorf("parked for %s", took)
		}
		time.Sleep(500 * time.Millisecond)
		if apps[2].reset.Load() {
			t.Error("the last went with it")
		}
		apps[2].expectReset(t)
		time.Sleep(time.Second)
		cuts := slices.DeleteFunc(kinds(s.ledger.take()), func(k string) bool { return k[:5] != "flow-" && k[:11] != "session-rem" })
		slices.Sort(cuts)
		if want := []string{"flow-cut parking-age", "flow-cut parking-age", "flow-cut parking-limit"}; len(cuts) < 3 || !slices.Equal(cuts[:3], want) {
			t.Errorf("%q", cuts)
		}
	})
}

// TestSuspendedSessionsLimit: the session that has been away longest goes first.
func TestSuspendedSessionsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves, limited(Limits{Sessions: 2}))
		var apps []*simApp
		for i := range 3 {
			k := s.lastingTicket()
			k.session = wire.SessionID(fmt.Sprint("s-", i))
			_, a := s.park(t, k, "app.test:22")
			apps = append(apps, a...)
		}
		apps[0].expectReset(t)
		time.Sleep(time.Second)
		if n := len(s.g.registry.all()); n != 2 || apps[1].reset.Load() || apps[2].reset.Load() {
			t.Errorf("%d sessions", n)
		}
		for i, status := range []int{http.StatusOK, http.StatusOK, http.StatusServiceUnavailable} { // in the place of suspended ones
			k := s.lastingTicket()
			k.session = wire.SessionID(fmt.Sprint("new-", i))
			if res := s.client(t, s.device).post(http.MethodPost, k); res.StatusCode != status {
				t.Errorf("new session %d: %d, want %d", i, res.StatusCode, status)
			}
		}
		apps[1].expectReset(t)
		apps[2].expectReset(t)
	})
}

// TestParkedBytesAreBounded: an application that sends to a parked flow waits
// when enough is kept for the client; another flow does not.
func TestParkedBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		k := s.lastingTicket().entitled23()
		ends, apps := s.park(t, k, "app.test:22")
		sent := make(chan int, 1)
		go func() {
			n, _ := apps[0].Write(make([]byte, 5<<20))
			sent <- n
		}()
		time.Sleep(time.Minute)
		var kept int
		s.g.registry.all()[0].call(func() {
			for _, f := range s.g.registry.all()[0].lasting {
				kept += f.end.Status().Unacked
			}
		})
		if kept < 1<<19 || kept > 1<<20 {
			t.Errorf("%d bytes are kept", kept)
		}
		c := s.client(t, s.device)
		c.admit(k)
		other := newEnd(t, "app.test:23")
		other.attach(c)
		app := <-s.apps
		say(t, other.program, "unharmed")
		line(t, app, "unharmed")
		ends[0].attach(c)
		if n, err := io.CopyN(io.Discard, ends[0].program, 5<<20); err != nil {
			t.Errorf("%d bytes came: %v", n, err)
		}
		if n := <-sent; n != 5<<20 {
			t.Errorf("%d bytes were sent", n)
		}
	})
}

// TestClientGoneWhileDialling: a flow whose client vanished before it was answered
// waits for it.
func TestClientGoneWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := make(chan struct{})
		s := newSim(t, recorded, halves, slowly(dial))
		k := s.lastingTicket()
		c := s.client(t, s.device)
		c.admit(k)
		e := newEnd(t, "app.test:22")
		e.epoch++
		if _, err := e.end.Prepare(1); err != nil {
			t.Fatal(err)
		}
		c.sendFlow("app.test:22", flows.Header{ID: e.id, Epoch: 1}.String())
		time.Sleep(time.Second)
		c.vanish()
		next := s.client(t, s.device)
		next.admit(k)
		time.AfterFunc(time.Second, func() { close(dial) })
		e.attach(next)
		app := <-s.apps
		say(t, e.program, "at last")
		line(t, app, "at last")
	})
}

// TestTakenAwayWhileDialling: whose entitlement goes while the application is being
// reached is told that, and not that access is denied by a verdict that allows.
func TestTakenAwayWhileDialling(t *testing.T) {
	for name, header := range map[string]string{"plain": "", "lasting": flows.Header{ID: flows.NewID(), Epoch: 1}.String()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, recorded, halves, slowly(nil))
				k := s.lastingTicket()
				c := s.client(t, s.device)
				c.admit(k)
				var str *http3.RequestStream
				if header == "" {
					str = c.open("app.test:22", "")
				} else {
					str = c.sendFlow("app.test:22", header)
				}
				time.Sleep(time.Second)
				k.entitlements = nil
				if p := c.renew(k); p != nil {
					t.Fatal(p)
				}
				res := answered(t, str)
				if p := wire.ReadProblem(res.StatusCode, res.Body); p.Code != wire.CodeNotEntitled || p.Verdict == nil || p.Verdict.Allow || res.Header.Get(wire.HeaderDecision) == "" {
					t.Errorf("%+v, verdict %+v", p, p.Verdict)
				}
			})
		})
	}
}
