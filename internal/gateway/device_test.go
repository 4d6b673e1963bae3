package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestDeviceReport: a report counts over the token, renews none, and only what
// reads a claim that changed is judged again.
func TestDeviceReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		k := s.authority.ticket(s.device).entitle("wall", "app.test", 22, "device.firewall").entitle("lock", "app.test", 23, "device.screen_lock").
			entitle("both", "app.test", 24, "device.firewall && device.screen_lock").entitle("none", "app.test", 25, "")
		k.claims = wire.DeviceClaims{"firewall": true, "screen_lock": true}
		c := s.client(t, s.device)
		v, _ := c.admit(k)
		wall, _ := s.echo(c, "app.test:22")
		lock, _ := s.echo(c, "app.test:23")
		s.ledger.take()
		began := time.Now()
		if p := c.report(wire.DeviceClaims{"firewall": false, "screen_lock": true}); p != nil {
			t.Fatal(p)
		}
		expectReset(t, wall, codeCut)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("cut after %s", took)
		}
		ping(t, lock, "not concerned")
		d := v.next().Verdicts[0]
		if d.Allow || d.Reason.Kind != wire.ReasonDevice || len(d.Failing) != 1 || !d.Since.Equal(began.Add(10*time.Millisecond)) ||
			d.Failing[0] != (wire.Term{Kind: wire.ReasonDevice, Condition: "cond-wall", Text: "device.firewall", Claim: "device.firewall", Reported: "false"}) {
			t.Errorf("%+v", d)
		}
		if diff := cmp.Diff([]string{"verdict both device-claims no", "verdict wall device-claims no"}, tell(s.ledger.take(), "verdict")); diff != "" {
			t.Error(diff)
		}
		// A renewed token with the older claims does not bring them back.
		k.why = wire.TriggerClaimsToken
		if p := c.renew(k); p != nil {
			t.Fatal(p)
		}
		if p, _ := c.refusedFlow("app.test:22"); p.Code != wire.CodeDenied {
			t.Errorf("%+v", p)
		}
		// What comes with tokens counts like a report.
		r := k.request()
		r.Device = wire.DeviceClaims{"firewall": true, "screen_lock": true}
		if p := c.put(wire.PathDataSession, r); p != nil {
			t.Fatal(p)
		}
		s.echo(c, "app.test:22")
		s.ledger.take()
		r.Device = wire.DeviceClaims{"firewall": true, "screen_lock": false} // with the same tokens
		if p := c.put(wire.PathDataSession, r); p != nil {
			t.Fatal(p)
		}
		expectReset(t, lock, codeCut)
		if diff := cmp.Diff([]string{"verdict both device-claims no", "verdict lock device-claims no"}, tell(s.ledger.take(), "verdict")); diff != "" {
			t.Error(diff)
		}
		// A device that reports nothing any more has no claims.
		if p := c.report(nil); p != nil {
			t.Fatal(p)
		}
		if p, _ := c.refusedFlow("app.test:22"); p.Code != wire.CodeDenied || p.Verdict.Reason.Kind != wire.ReasonMissing {
			t.Errorf("%+v", p)
		}
	})
}

func TestDeviceReportsRefused(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	if p := c.report(wire.DeviceClaims{"firewall": true}); p == nil || p.Code != wire.CodeNoSession {
		t.Errorf("without a session: %v", p)
	}
	c.admit(s.ticket())
	many := wire.DeviceClaims{}
	for i := range maxClaims + 1 {
		many[fmt.Sprint("c", i)] = true
	}
	for name, claims := range map[string]wire.DeviceClaims{"too many": many, "too long": {"a": strings.Repeat("x", maxReport)}} {
		if p := c.report(claims); p == nil || p.Code != wire.CodeBadRequest {
			t.Errorf("%s: %v", name, p)
		}
	}
	k := s.ticket().request()
	k.Device = many
	if p := c.put(wire.PathDataSession, k); p == nil || p.Code != wire.CodeBadRequest {
		t.Errorf("too many with tokens: %v", p)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://gateway.test"+wire.PathDataDevice, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.h3.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("%v, %v", res, err)
	}
	ping(t, c.flow(s.app), "the session goes on")
}

// TestHiddenValues: where the administrator hides values the user hears kinds
// and the administrator's words, and the record has all.
func TestHiddenValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		k := s.authority.ticket(s.device).entitle("os", "app.test", 22, `device.os_version == "13" && device.firewall`, wire.InteractionMFA)
		k.entitlements[0].Conditions[0].Denied = "Ask the helpdesk."
		k.claims = wire.DeviceClaims{"os.version": "12"}
		k.settings.HideValues = true
		c := s.client(t, s.device)
		_, v := c.admit(k)
		d := v.Verdicts[0]
		want := []wire.Term{{Kind: wire.ReasonDevice, Condition: "cond-os"}, {Kind: wire.ReasonMissing, Condition: "cond-os"}}
		if diff := cmp.Diff(want, d.Failing); diff != "" || d.Reason.Detail != "Ask the helpdesk." {
			t.Errorf("%s %+v", diff, d)
		}
		for _, r := range s.ledger.take() {
			if r.Kind == "verdict" && (r.Term.Text != `device.os_version == "13"` || r.Term.Reported != "12" || r.Term.Claim != "device.os_version") {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestChoice: the verdict offers a choice where one of several answers suffices,
// and the record names what would help and until when it stands.
func TestChoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		const either = `within(responses.mfa, duration("60m")) || within(responses.password, duration("60m"))`
		k := s.authority.ticket(s.device).entitle("app", "app.test", 22, either, wire.InteractionMFA, wire.InteractionPassword)
		k.entitlements[0].Conditions[0].Any = true
		c := s.client(t, s.device)
		_, v := c.admit(k)
		if d := v.Verdicts[0]; d.Allow || !d.AnyOf || len(d.Interactions) != 2 {
			t.Errorf("%+v", d)
		}
		if p := c.renew(k.answered(wire.InteractionMFA, time.Now())); p != nil {
			t.Fatal(p)
		}
		var cures, leases int
		for _, r := range s.ledger.take() {
			if r.Kind == "verdict" && len(r.Cure) == 2 {
				cures++
			}
			if r.Kind == "verdict" && r.Allow && !r.Lease.IsZero() {
				leases++
			}
		}
		if cures == 0 || leases != 1 {
			t.Errorf("%d cures, %d leases", cures, leases)
		}
	})
}
