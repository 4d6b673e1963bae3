package controller

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

const daysAhead = `
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: berlin-hours}
spec: {criteria: 'during("Mon-Fri", "08:30", "17:00", "Europe/Berlin")'}
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: calm}
spec: {criteria: 'risk < 50'}
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: code-this-week}
spec: {criteria: 'within(responses.mfa, duration("50h"))', interactions: [{kind: mfa}]}
---
apiVersion: tidegate.org/v1
kind: CriteriaScript
metadata: {name: on-call}
spec: {type: bool, refresh: 5m, script: "def main(ctx):\n  return True\n"}
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: on-call}
spec: {criteria: scripts.on_call}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: till}
spec: {site: hq, conditions: [berlin-hours, code-this-week], actions: [{hosts: [till.test], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: stock}
spec: {site: hq, conditions: [berlin-hours, calm], actions: [{hosts: [stock.test], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: pager}
spec: {site: hq, conditions: [on-call, berlin-hours], actions: [{hosts: [pager.test], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: days}
spec: {assign: {everyone: true}, entitlements: [till, stock, pager]}
`

// TestForecastComesTrue asks for the days ahead, in which Berlin's clocks are put
// forward, tokens are renewed and the session ends, and lives through them by the
// tokens that a gateway would judge by.
func TestForecastComesTrue(t *testing.T) {
	conf, dir := configWith(t, daysAhead), t.TempDir()
	conf.CookieLifetime = 7*24*time.Hour + 7*time.Hour
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, 3, 22, 9, 7, 11, 0, time.UTC))) // a Wednesday
		b := newBubble(t, conf, dir, &store.Memory{})
		p := b.device("alice")
		p.signIn()
		p.must(http.StatusNoContent, "POST", wire.PathAnswers, wire.AnswerRequest{Answers: []wire.Answer{{Kind: wire.InteractionMFA, Value: aliceCode(t, 1)}}})
		calm := time.Date(2000, 3, 23, 10, 0, 0, 0, time.UTC)
		if err := b.SetRisk(t.Context(), "alice", wire.RiskHigh, calm, ""); err != nil {
			t.Fatal(err)
		}
		f := wire.Forecast{}
		if err := json.Unmarshal(p.must(http.StatusOK, "GET", wire.PathForecast, nil).Body.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		end := b.mustGet(p).Expires
		if !f.At.Equal(begin) || !f.Until.Equal(begin.Add(wire.ForecastAhead)) || !f.Expires.Equal(end) {
			t.Fatalf("it is from %s to %s, the session until %s", f.At, f.Until, f.Expires)
		}
		lines := map[wire.EntitlementID]wire.ForecastLine{}
		points := []time.Time{begin}
		for _, line := range f.Lines {
			for _, id := range line.Entitlements {
				lines[id] = line
			}
			for _, s := range line.Spans {
				points = append(points, s.From, s.To.Add(-1))
				if !s.Warn.IsZero() {
					points = append(points, s.Warn.Add(-1), s.Warn)
				}
			}
		}
		if len(lines) != 5 {
			t.Fatalf("it tells of %d entitlements", len(lines))
		}
		for at := begin; at.Before(end); at = at.Add(307 * time.Minute) {
			points = append(points, at)
		}
		slices.SortFunc(points, time.Time.Compare)
		points = slices.CompactFunc(points, time.Time.Equal)
		token, renewed := "", 0
		turns := map[wire.EntitlementID]int{}
		last := map[wire.EntitlementID]bool{}
		for _, at := range points {
			if !at.Before(end) {
				break
			}
			time.Sleep(time.Until(at))
			level := wire.RiskLow
			if at.Before(calm) {
				level = wire.RiskHigh
			}
			l := p.open(wire.PathEvents) // a stream for the whole week would be no more than heartbeats
			snap := l.snapshot()
			l.close()
			if snap.ClaimsToken != token {
				token = snap.ClaimsToken
				renewed++
			}
			for id, out := range p.good(snap).see(level, at) {
				spans := lines[id].Spans
				i := slices.IndexFunc(spans, func(s wire.ForecastSpan) bool { return at.Before(s.To) })
				if i < 0 || at.Before(spans[i].From) {
					t.Fatalf("%s: nothing is foreseen for %s", id, at)
				}
				s := spans[i]
				if s.Script { // which the tokens alone do not yield
					continue
				}
				if was, seen := last[id]; seen && was != out.Allow {
					turns[id]++
				}
				last[id] = out.Allow
				warned := len(out.Cure) > 0 && !at.Before(out.WarnAt)
				if out.Allow != s.Allow || s.Allow && warned != (!s.Warn.IsZero() && !at.Before(s.Warn)) || !s.Allow && len(out.Cure) != len(s.Cure) {
					t.Errorf("%s at %s: it is %+v, foreseen was %+v", id, at, out, s)
				}
			}
		}
		// Till is open for two days and a half, then asks for a code; stock is closed at first by the risk.
		if d := cmp.Diff(map[wire.EntitlementID]int{"till": 5, "stock": 10, "ledger": 1}, turns); d != "" {
			t.Errorf("turns: %s", d)
		}
		if renewed < 7 {
			t.Errorf("tokens were renewed %d times", renewed)
		}
		for id, line := range lines {
			over := line.Spans[len(line.Spans)-1]
			if over.Allow || over.Reason != wire.ReasonTokenEnd || !over.From.Equal(end) || !over.To.Equal(f.Until) {
				t.Errorf("%s: behind the session's end is %+v", id, over)
			}
		}
		pager := lines["pager"]
		if d := cmp.Diff([]wire.ReasonKind{wire.ReasonScript}, pager.MayChange); d != "" || !pager.Spans[0].Script || !pager.Spans[0].Allow || pager.Spans[1].Script || pager.Spans[1].Allow {
			t.Errorf("what a script decides is %+v", pager)
		}
		if d := cmp.Diff([]wire.ReasonKind{wire.ReasonRisk}, lines["stock"].MayChange); d != "" {
			t.Error(d)
		}
		time.Sleep(time.Until(end))
		p.must(http.StatusUnauthorized, "GET", wire.PathForecast, nil)
	})
}
