package ahead

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/reevaluate"
	"github.com/tidegate/tidegate/internal/wire"
)

// The week in which Berlin's and New York's clocks stand an hour closer, and its
// Sunday of 23 hours.
var from = time.Date(2027, 3, 24, 9, 17, 23, 456, time.UTC)

var (
	asksCode     = []wire.Interaction{{Kind: wire.InteractionMFA}}
	asksPassword = []wire.Interaction{{Kind: wire.InteractionPassword}}
)

func condition(t testing.TB, criteria string, any bool, asks ...wire.Interaction) policy.Condition {
	t.Helper()
	c, err := policy.ConditionOf(wire.Condition{ID: "c", Criteria: criteria, Interactions: asks, Any: any, Variables: map[string]string{"device.firewall": "bool"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func conditions(t testing.TB) []policy.Condition {
	return []policy.Condition{
		condition(t, `within(responses.mfa, duration("60m"))`, false, asksCode...),
		condition(t, `within(responses.mfa, duration("30h"))`, false, asksCode...),
		condition(t, `within(responses.password, duration("4h"))`, false, asksPassword...),
		condition(t, `within(responses.mfa, duration("2h")) || within(responses.password, duration("3h"))`, true, append(slices.Clone(asksCode), asksPassword...)...),
		condition(t, `during("Mon-Fri", "08:30", "17:00", "Europe/Berlin")`, false),
		condition(t, `during("Sat,Sun", "01:30", "03:30", "Europe/Berlin") || during("Mon-Fri", "09:00", "12:00", "America/New_York")`, false),
		condition(t, `during("Mon-Fri", "07:00", "19:00") && (now.getHours("Europe/Berlin") < 10 || within(responses.mfa, duration("26h")))`, false, asksCode...),
		condition(t, `risk < 50`, false),
		condition(t, `risk < 50 || within(responses.mfa, duration("100h"))`, false, asksCode...),
		condition(t, `device.firewall`, false),
		condition(t, `now < timestamp("2027-03-29T21:00:00.5Z")`, false),
	}
}

// trace is a walk of the engine that the gateways run: told of time alone, and of
// the risk.
type trace struct {
	subject reevaluate.Subject
	look    Look
	wake    time.Time
}

func (tr *trace) to(at time.Time) {
	c, _ := tr.look.claims(at)
	tr.wake = tr.subject.Judge(at, tr.subject.SetClaims(c), nil)
}

// TestTrueToTheEngine draws conditions and claims, looks ahead, and has the
// gateways' engine live through the same days.
func TestTrueToTheEngine(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 5))
	all := conditions(t)
	for round := range 150 {
		var conds []policy.Condition
		for range r.IntN(4) {
			conds = append(conds, all[r.IntN(len(all))])
		}
		begin := from.Add(time.Duration(r.Int64N(int64(24 * time.Hour))))
		look := Look{From: begin, Until: begin.Add(wire.ForecastAhead), Claims: &policy.Claims{Device: map[string]any{"firewall": r.IntN(4) > 0}, Responses: map[wire.InteractionKind]time.Time{}},
			Risk:    []Step{{begin, wire.RiskLow}},
			Options: policy.PlanOptions{WarningLead: 5 * time.Minute, StampRounding: 15 * time.Minute, TokensEnd: begin.Add(time.Duration(r.IntN(12*24*60)) * time.Minute)}}
		for _, k := range []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword} {
			if r.IntN(4) > 0 {
				look.Claims.Responses[k] = policy.Stamp(begin.Add(-time.Duration(r.IntN(150))*time.Minute), 15*time.Minute)
			}
		}
		if r.IntN(2) == 0 {
			look.Risk = []Step{{begin, wire.RiskHigh}, {begin.Add(time.Duration(r.IntN(3000)) * time.Minute), wire.RiskMedium}, {begin.Add(time.Duration(3000+r.IntN(3000)) * time.Minute), wire.RiskLow}}
		}
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) { compare(t, r, look, conds) })
	}
}

func compare(t *testing.T, r *rand.Rand, look Look, conds []policy.Condition) {
	spans := look.Spans(conds, 1000)
	points := []time.Time{look.From}
	before := look.From
	for _, s := range spans {
		if !s.From.Equal(before) || !s.To.After(s.From) {
			t.Fatalf("a gap at %s: %+v", before, s)
		}
		before = s.To
		points = append(points, s.From.Add(-1), s.From, s.To.Add(-1))
		if !s.Warn.IsZero() {
			points = append(points, s.Warn.Add(-1), s.Warn)
		}
	}
	if !before.Equal(look.Until) {
		t.Fatalf("it ends at %s, not at %s", before, look.Until)
	}
	for range 100 {
		points = append(points, look.From.Add(time.Duration(r.Int64N(int64(wire.ForecastAhead)))))
	}
	for _, s := range look.Risk {
		points = append(points, s.At)
	}
	slices.SortFunc(points, time.Time.Compare)

	tr := trace{look: look}
	tr.subject.SetOptions(look.Options)
	tr.subject.SetGrants([]*reevaluate.Grant{reevaluate.NewGrant(conds)})
	tr.subject.Use(0, true)
	i, turns, was := 0, 0, false
	for at, k := look.From, 0; ; {
		for i < len(spans)-1 && !at.Before(spans[i].To) {
			i++
		}
		tr.to(at)
		allow := tr.subject.Lease(0) > at.UnixNano()
		if at.After(look.From) && allow != was {
			turns++
		}
		was = allow
		s, out := spans[i], tr.subject.Outcome(0)
		if at.Before(s.From) || allow != s.Allow {
			t.Fatalf("at %s the engine allows: %v (%+v); foreseen is %+v", at, allow, out, s)
		}
		if due := !s.Warn.IsZero() && !at.Before(s.Warn); allow && tr.subject.Due(0) != due {
			t.Fatalf("at %s the engine warns: %v; foreseen is %+v", at, !due, s)
		}
		var cure []wire.InteractionKind
		for _, x := range out.Cure {
			cure = append(cure, x.Kind)
		}
		if !allow && (!reflect.DeepEqual(cure, s.Cure) || out.Reason.Kind != s.Reason || out.AnyOf != s.AnyOf) {
			t.Fatalf("at %s the engine would have %v, for %s; foreseen is %+v", at, cure, out.Reason.Kind, s)
		}
		// The next instant that either of them has something to say of.
		for k < len(points) && !points[k].After(at) {
			k++
		}
		next := look.Until
		if k < len(points) {
			next = points[k]
		}
		if !tr.wake.IsZero() && tr.wake.After(at) && tr.wake.Before(next) {
			next = tr.wake
		}
		if !next.Before(look.Until) {
			break
		}
		at = next
	}
	want := 0
	for k := range spans[1:] {
		if spans[k].Allow != spans[k+1].Allow {
			want++
		}
	}
	if turns != want {
		t.Errorf("the engine turned %d times, foreseen are %d: %+v", turns, want, spans)
	}
}

// TestAWeek is what a person would have drawn, over the night in which an hour
// is left out.
func TestAWeek(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(d, h, m int) time.Time { return time.Date(2027, 3, d, h, m, 0, 0, berlin) }
	begin := at(26, 10, 0) // a Friday
	look := Look{From: begin, Until: at(30, 0, 0), Claims: &policy.Claims{Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: at(26, 9, 45)}},
		Options: policy.PlanOptions{WarningLead: 5 * time.Minute, StampRounding: 15 * time.Minute, TokensEnd: at(29, 12, 0)}}
	conds := []policy.Condition{condition(t, `during("Mon-Fri", "08:30", "17:00", "Europe/Berlin")`, false), condition(t, `within(responses.mfa, duration("5h"))`, false, asksCode...)}
	type line struct {
		From, To, Warn string
		Allow          bool
		Cure           []wire.InteractionKind
		Reason         wire.ReasonKind
	}
	var got []line
	show := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(berlin).Format("Mon 15:04:05.999")
	}
	for _, s := range look.Spans(conds, 100) {
		got = append(got, line{show(s.From), show(s.To), show(s.Warn), s.Allow, s.Cure, s.Reason})
	}
	code := []wire.InteractionKind{wire.InteractionMFA}
	want := []line{
		{"Fri 10:00:00", "Fri 14:45:00", "Fri 14:40:00", true, code, wire.ReasonMFA},
		{"Fri 14:45:00", "Fri 17:00:00", "", false, code, wire.ReasonMFA},
		{"Fri 17:00:00", "Mon 08:30:00", "", false, nil, wire.ReasonTime},
		{"Mon 08:30:00", "Mon 12:00:00", "", false, code, wire.ReasonMFA},
		{"Mon 12:00:00", "Tue 00:00:00", "", false, nil, wire.ReasonTokenEnd},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if few := look.Spans(conds, 2); len(few) != 2 || !few[1].To.Equal(at(26, 17, 0)) {
		t.Errorf("two spans are %+v", few)
	}
}

// TestStop ends a walk that costs too much where it is, and not behind.
func TestStop(t *testing.T) {
	conds := []policy.Condition{condition(t, `during("Mon-Fri", "08:30", "17:00", "Europe/Berlin")`, false)}
	asked := 0
	look := Look{From: from, Until: from.Add(wire.ForecastAhead), Claims: &policy.Claims{}, Stop: func() bool { asked++; return asked > 3 }}
	got := look.Spans(conds, 1000)
	look.Stop = nil
	if d := cmp.Diff(look.Spans(conds, 1000)[:3], got); d != "" {
		t.Error(d)
	}
}
