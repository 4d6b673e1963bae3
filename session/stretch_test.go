package session

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestComing(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	at := func(h float64) time.Time { return noon.Add(time.Duration(h * float64(time.Hour))) }
	code := []wire.InteractionKind{wire.InteractionMFA}
	span := func(from, to float64, allow bool, why wire.ReasonKind, cure []wire.InteractionKind, warn float64) wire.ForecastSpan {
		s := wire.ForecastSpan{From: at(from), To: at(to), Allow: allow, Reason: why, Cure: cure}
		if warn > 0 {
			s.Warn = at(warn)
		}
		return s
	}
	over := span(30, 192, false, wire.ReasonTokenEnd, nil, 0)
	s := State{
		Apps: []App{{ID: "ledger", Name: "Ledger", Entitlement: "e1"}, {ID: "shell", Name: "Shell", Entitlement: "e1"}, {ID: "till", Name: "Till", Entitlement: "e2"}, {ID: "wiki", Name: "Wiki", Entitlement: "e3"}, {ID: "new", Name: "New", Entitlement: "e4"}},
		Ahead: &Ahead{At: noon, Until: at(192), Expires: at(30), Lines: []wire.ForecastLine{
			{Entitlements: []wire.EntitlementID{"e1"}, Spans: []wire.ForecastSpan{span(0, 2, true, wire.ReasonMFA, code, 1.5), span(2, 30, false, wire.ReasonMFA, code, 0), over}},
			{Entitlements: []wire.EntitlementID{"e2"}, Spans: []wire.ForecastSpan{span(0, 5, true, wire.ReasonTime, nil, 0), span(5, 20, false, wire.ReasonTime, nil, 0), span(20, 22, false, wire.ReasonMFA, code, 0), span(22, 30, true, wire.ReasonTokenEnd, nil, 0), over}},
			{Entitlements: []wire.EntitlementID{"e3"}, Spans: []wire.ForecastSpan{span(0, 30, true, wire.ReasonTokenEnd, nil, 0), over}},
		}},
	}
	got := func(now time.Time) (all []string) {
		for _, c := range s.Coming(now) {
			all = append(all, c.At.Format("15:04 ")+string(c.Turn)+" "+c.Text)
		}
		return all
	}
	rest := []string{
		"17:00 closes Till closes: the hours end",
		"08:00 may-open Till opens with a one-time code",
		"10:00 opens Till opens",
		"18:00 ends your session ends: sign in again",
	}
	if d := cmp.Diff(append([]string{"13:30 asks a one-time code will be asked for Ledger and Shell"}, rest...), got(noon)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(append([]string{"14:00 closes Ledger and Shell close: needs a one-time code"}, rest...), got(at(1.5))); d != "" {
		t.Errorf("while it is asked: %s", d)
	}
	var words []string
	for _, st := range s.Ahead.Stretches("e2") {
		words = append(words, string(st.Outlook)+": "+st.Word()+": "+st.Why())
	}
	if d := cmp.Diff([]string{"open: Open: The hours end", "closed: Closed: Outside the hours", "asks: Opens with a one-time code: Needs a one-time code",
		"open: Open: Your session ends", "signed-out: Signed out: Your session is over: sign in again"}, words); d != "" {
		t.Error(d)
	}
	if got := Asked([]wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, true); got != "a one-time code or your password" {
		t.Error(got)
	}
	if got := MayChange([]wire.ReasonKind{wire.ReasonScript, wire.ReasonDevice}); got != "checks by your organisation and your device" {
		t.Error(got)
	}
}
