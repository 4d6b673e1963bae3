package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// foreseen answers a LookAhead at noon of a Monday.
func foreseen(problem *session.Problem) *apptest.Source {
	src := &apptest.Source{}
	s := state()
	s.Apps = s.Apps[:2]
	s.Apps[0].Entitlement, s.Apps[1].Entitlement = "e1", "e2"
	src.Publish(s)
	src.Answer = func(cmd session.Command) error {
		if _, ok := cmd.(session.LookAhead); !ok {
			return nil
		}
		at := func(h float64) time.Time { return noon.Add(time.Duration(h * float64(time.Hour))) }
		code := []wire.InteractionKind{wire.InteractionMFA}
		src.Change(func(s *session.State) {
			s.Ahead = &session.Ahead{At: noon, Until: at(192), Expires: at(46), Problem: problem, Lines: []wire.ForecastLine{
				{Entitlements: []wire.EntitlementID{"e1"}, Spans: []wire.ForecastSpan{
					{From: noon, To: at(2.75), Allow: true, Warn: at(2.75 - 1.0/12), Cure: code, Reason: wire.ReasonMFA},
					{From: at(2.75), To: at(5), Cure: code, Reason: wire.ReasonMFA},
					{From: at(5), To: at(46), Reason: wire.ReasonTime},
					{From: at(46), To: at(192), Reason: wire.ReasonTokenEnd},
				}},
				{Entitlements: []wire.EntitlementID{"e2"}, MayChange: []wire.ReasonKind{wire.ReasonScript}, Spans: []wire.ForecastSpan{
					{From: noon, To: at(46), Allow: true, Script: true, Reason: wire.ReasonTokenEnd},
					{From: at(46), To: at(192), Reason: wire.ReasonTokenEnd},
				}},
			}, Past: map[wire.EntitlementID][]session.Lived{"e1": {{From: at(-3), To: at(-2), Outlook: session.OutlookAsks}, {From: at(-1), To: noon, Outlook: session.OutlookOpen}}}}
		})
		return nil
	}
	return src
}

func TestToday(t *testing.T) {
	r := invoke(t, foreseen(nil), "", "today")
	want := `
NAME     DAY        |00----03----06----09----12----15----18----21----|  MAY CHANGE WITH
Wiki     Mon 2 Mar  |------------------??--=======!????..............|
Payroll  Mon 2 Mar  |------------------------~~~~~~~~~~~~~~~~~~~~~~~~|  checks by your organisation

- not known   = open   ~ open if a check agrees   ? opens with an answer   . closed   x signed out   ! a prompt

14:40:00  a one-time code will be asked for Wiki
`
	if r.code != Done || r.out != strings.TrimPrefix(want, "\n") {
		t.Errorf("exit code %d, %s\n%s", r.code, r.err, r.out)
	}
	r = invoke(t, foreseen(nil), "", "today", "--week")
	for _, line := range []string{"Wed 4 Mar  |....................xxxxxxxxxxxxxxxxxxxxxxxxxxxx|", "Mon 9 Mar  |xxxx", "Wed 4 Mar 10:00:00  your session ends: sign in again"} {
		if !strings.Contains(r.out, line) {
			t.Errorf("there is no %q in\n%s", line, r.out)
		}
	}
}

func TestTodayForPrograms(t *testing.T) {
	r := invoke(t, foreseen(nil), "", "today", "--json")
	var got struct {
		Until time.Time
		Apps  []aheadApp
		Coming,
		At any
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Apps) != 2 || len(got.Apps[0].Stretches) != 3 || len(got.Apps[0].Past) != 2 || got.Apps[1].Past != nil || got.Apps[0].Stretches[1].Outlook != session.OutlookAsks || !got.Until.Equal(midnight(noon, 1)) {
		t.Errorf("it is %s", r.out)
	}
}

func TestTodayIsNotKnown(t *testing.T) {
	r := invoke(t, foreseen(&session.Problem{Title: "The controller was not reached", Fix: "Check your network."}), "", "today")
	if r.code != Failed || !strings.Contains(r.err, "The controller was not reached") || !strings.Contains(r.err, "Check your network.") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

// TestBarsOfUnevenDays draws the day on which an hour is left out, the one that has an
// hour twice, and one without either: five o'clock is below five on each.
func TestBarsOfUnevenDays(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for day, hours := range map[time.Time]int{time.Date(2027, 3, 28, 0, 0, 0, 0, zone): 23, time.Date(2027, 10, 31, 0, 0, 0, 0, zone): 25, time.Date(2027, 6, 1, 0, 0, 0, 0, zone): 24} {
		from, to := day, midnight(day, 1)
		if d := to.Sub(from); d != time.Duration(hours)*time.Hour {
			t.Fatalf("the day has %v", d)
		}
		five := time.Date(day.Year(), day.Month(), day.Day(), 5, 0, 0, 0, zone)
		all := []session.Stretch{{ForecastSpan: wire.ForecastSpan{From: from, To: five}, Outlook: session.OutlookClosed},
			{ForecastSpan: wire.ForecastSpan{From: five, To: to, Allow: true, Warn: to.Add(-time.Minute)}, Outlook: session.OutlookOpen}}
		if got, want := bar(all, from, from), strings.Repeat(".", 10)+strings.Repeat("=", 37)+"!"; got != want {
			t.Errorf("the day of %d hours is %q", hours, got)
		}
	}
}
