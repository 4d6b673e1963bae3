package controller

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestExplain asks why before the sign-in, before a gateway has judged, and after.
func TestExplain(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		why := func(user, app string) Explanation {
			t.Helper()
			all, err := b.Explain(t.Context(), user, app)
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0]
		}
		x := why("alice", "ledger-shell") // by a shortcut
		if !x.Offline || x.Session != "" || x.Entitlement != "ledger" || x.Name != "Ledger" || len(x.Apps) != 2 || x.Allow || x.Reason.Kind != wire.ReasonMFA || len(x.Cure) != 1 || x.Cure[0] != "mfa" ||
			len(x.Terms) != 1 || x.Terms[0].Claim != "responses.mfa" || len(x.Policies) != 1 || x.Policies[0] != "finance" || x.Risk.Level != wire.RiskLow || !strings.Contains(x.Note, "not signed in") {
			t.Errorf("before the sign-in: %+v", x)
		}
		if x = why("bob", "ledger"); x.Allow || x.Reason.Kind != wire.ReasonNotEntitled || !strings.Contains(x.Note, "these would: finance") {
			t.Errorf("bob: %+v", x)
		}

		alice, gw := b.device("alice"), b.gatewayPeer()
		alice.signIn()
		alice.open(wire.PathEvents)
		time.Sleep(time.Minute)
		alice.must(http.StatusNoContent, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: wire.InteractionMFA, Value: aliceCode(t, 0)}}})
		stamp := b.mustGet(alice).Responses[wire.InteractionMFA]
		if x = why("alice", "ledger"); !x.Offline || !x.Allow || !x.Until.Equal(stamp.Add(time.Hour)) || x.Session == "" || len(x.Terms) != 1 || x.Terms[0].Kind != wire.ReasonMFA {
			t.Errorf("before a gateway has judged: %+v", x)
		}
		if all, err := b.Explain(t.Context(), "alice", ""); err != nil || len(all) != 2 {
			t.Errorf("all of alice's: %v %v", all, err)
		}

		// A gateway judges: twelve times allowed, then twice denied.
		report := func(allow bool, trigger wire.Trigger) {
			gw.must(http.StatusNoContent, "POST", wire.PathGatewayReport, wire.GatewayReport{Gateway: "gw1", Records: []wire.AuditRecord{{At: time.Now(), Kind: "verdict", Session: x.Session, User: "alice",
				Entitlement: "ledger", Trigger: trigger, Allow: allow, Lease: time.Now().Add(time.Hour), Cure: []string{"mfa"}, Reason: wire.Reason{Kind: wire.ReasonMFA}, Term: wire.Term{Kind: wire.ReasonMFA, Text: "within(...)"}}}})
			time.Sleep(time.Minute)
		}
		for range 12 {
			report(true, wire.TriggerPeriodic)
		}
		since := time.Now().UTC()
		report(false, wire.TriggerInstant)
		report(false, wire.TriggerAccess)
		x = why("alice", "ledger")
		if x.Offline || x.Allow || !x.Since.Equal(since) || len(x.Evaluations) != 10 || x.Evaluations[0].Trigger != wire.TriggerAccess || x.Evaluations[2].Trigger != wire.TriggerPeriodic ||
			x.Evaluations[0].Gateway != "gw1" || x.Terms[0].Text != "within(...)" || x.Cure[0] != "mfa" || x.Until.IsZero() {
			t.Errorf("after a gateway has judged: %+v", x)
		}
		if err := b.RevokeSession(t.Context(), x.Session); err != nil {
			t.Fatal(err)
		}
		if b.verdicts.count != 0 {
			t.Errorf("%d verdicts are kept of a session that has ended", b.verdicts.count)
		}
		if x = why("alice", "wiki"); !x.Offline || !x.Allow || x.Session != "" {
			t.Errorf("after the session's end: %+v", x)
		}
		for _, q := range [][2]string{{"nobody", "wiki"}, {"alice", "nothing"}} {
			if _, err := b.Explain(t.Context(), q[0], q[1]); !errors.Is(err, ErrUnknown) {
				t.Errorf("%v: %v", q, err)
			}
		}
	})
}

// TestVerdictsEndWithTheRecord forgets a session that ends by its time alone.
func TestVerdictsEndWithTheRecord(t *testing.T) {
	conf, dir := longConfig(t, ""), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		alice.signIn()
		b.verdicts.add(wire.AuditRecord{Session: b.mustGet(alice).ID, Entitlement: "wiki"})
		time.Sleep(101 * time.Hour)
		synctest.Wait()
		if b.verdicts.count != 0 {
			t.Errorf("%d verdicts are kept", b.verdicts.count)
		}
	})
}
