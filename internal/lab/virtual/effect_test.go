package virtual_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/internal/lab/virtual"
	"github.com/tidegate/tidegate/internal/wire"
)

// observation is what came of causing a trigger once.
type observation struct {
	name          string
	records       []wire.AuditRecord // meanwhile
	before, after virtual.Tokens
	observed
}

// observed is what a cause says of an observation: what its cells go by.
type observed struct {
	// holds are entitlements whose conditions held, and fails others: both have
	// a script.
	holds, fails []wire.EntitlementID
	// judged are the entitlements that have to be judged.
	judged []wire.EntitlementID
	// unreported: no change was there to report.
	unreported bool
	// unanswered: no interaction was answered.
	unanswered bool
	// spared says, by column, which tokens the administrator did not choose.
	spared []string
}

// cell is what a trigger does to a column.
type cell struct {
	words string // the seed's
	// due says what the cell demands of an observation.
	due func(observation) demand
}

type demand int

const (
	happens demand = iota
	nothing
	absent // there is no session at a gateway
	added
	removed
)

var (
	yes           = cell{"y", func(observation) demand { return happens }}
	no            = cell{"n", func(observation) demand { return nothing }}
	notApplicable = cell{"n/a", func(observation) demand { return absent }}
	sessionAdded  = cell{"Session added", func(observation) demand { return added }}

	sessionRemoved = cell{"Session removed", func(observation) demand { return removed }}
	ifConditions   = cell{"y if conditions = true", func(observation) demand { return happens }}
	ifAnswered     = cell{"y for OTP and password", func(o observation) demand { return when(!o.unanswered) }}
	ifReported     = cell{"y if change reported", func(o observation) demand { return when(!o.unreported) }}

	ifReportedAndConditions = cell{"y if change reported & new condition = true", ifReported.due}
	ifReportedAndCondition  = cell{"y if change reported & condition = true", ifReported.due}
)

func when(b bool) demand {
	if b {
		return happens
	}
	return nothing
}

// check asserts the cell of a column in all that was seen.
func (c cell) check(t *testing.T, column int, trigger wire.Trigger, seen []observation) {
	t.Helper()
	if len(seen) == 0 {
		t.Fatal("the trigger was not caused")
	}
	id := columns[column].id
	telling := false
	for _, o := range seen {
		due := c.due(o)
		if slices.Contains(o.spared, id) {
			due = nothing
		}
		if wrong := o.judge(id, due, trigger); wrong != "" {
			t.Errorf("%s: want %q: %s", o.name, c.words, wrong)
		}
		contrary := happens
		if due == happens || due == added {
			contrary = nothing
		}
		telling = telling || o.judge(id, contrary, trigger) != ""
	}
	if !telling {
		t.Errorf("%q and its contrary hold alike", c.words)
	}
	if id != "entitlement-script" || c.words == no.words || c.words == notApplicable.words {
		return
	}
	if !slices.ContainsFunc(seen, func(o observation) bool { return len(o.holds) > 0 }) ||
		!slices.ContainsFunc(seen, func(o observation) bool { return len(o.fails) > 0 }) {
		t.Error("conditions that hold and conditions that fail were not both seen")
	}
}

// judge says what is not as it is due, or nothing.
func (o observation) judge(column string, due demand, trigger wire.Trigger) string {
	switch column {
	case "policies":
		return o.expect(due, "policies-assigned", trigger)
	case "claims-token":
		return o.token(due, "claims-token", trigger, o.before.Claims, o.after.Claims)
	case "entitlement-token":
		return o.token(due, "entitlement-token", trigger, o.before.Entitlement, o.after.Entitlement)
	case "entitlement-script":
		return o.scripts(due, trigger)
	}
	return o.rules(due, trigger)
}

// kind are the records of a kind.
func (o observation) kind(kind string) []wire.AuditRecord {
	var out []wire.AuditRecord
	for _, r := range o.records {
		if r.Kind == kind {
			out = append(out, r)
		}
	}
	return out
}

func by(records []wire.AuditRecord, trigger wire.Trigger) int {
	n := 0
	for _, r := range records {
		if r.Trigger == trigger {
			n++
		}
	}
	return n
}

func list(records []wire.AuditRecord) string {
	s := ""
	for _, r := range records {
		s += fmt.Sprintf(" %s %s of %s%s by %s allow=%v at %v;", r.Kind, r.Target, r.Entitlement, r.Reason.Kind, r.Trigger, r.Allow, r.At.Format("15:04:05.000"))
	}
	if s == "" {
		return " none"
	}
	return s
}

// expect wants records of a kind by the trigger, and by no other; or none at all.
func (o observation) expect(due demand, kind string, trigger wire.Trigger) string {
	got := o.kind(kind)
	switch due {
	case happens:
		if n := by(got, trigger); n == 0 || n != len(got) {
			return fmt.Sprintf("want %s by %s alone, got%s", kind, trigger, list(got))
		}
	case nothing:
		if len(got) > 0 {
			return fmt.Sprintf("want no %s, got%s", kind, list(got))
		}
	}
	return ""
}

func (o observation) token(due demand, kind string, trigger wire.Trigger, before, after string) string {
	if wrong := o.expect(due, kind, trigger); wrong != "" {
		return wrong
	}
	switch {
	case due == nothing && before != after:
		return fmt.Sprintf("the token %q is %q now", before, after)
	case due == happens && (after == "" || before == after):
		return fmt.Sprintf("the token %q is %q now", before, after)
	}
	if due == happens {
		if got := o.kind(kind); got[len(got)-1].Target != after {
			return fmt.Sprintf("the client has the token %q, made were%s", after, list(got))
		}
	}
	return ""
}

// scriptOf is the name of an entitlement's script.
func scriptOf(e wire.EntitlementID) string { return "hosts-of-" + string(e) }

func (o observation) scripts(due demand, trigger wire.Trigger) string {
	got := o.kind("script-run")
	runs := func(e wire.EntitlementID) []wire.AuditRecord {
		return slices.DeleteFunc(slices.Clone(got), func(r wire.AuditRecord) bool { return r.Target != scriptOf(e) })
	}
	if due != happens {
		if len(got) > 0 {
			return "want no run of a script, got" + list(got)
		}
		if due == absent {
			return o.without()
		}
		return ""
	}
	for _, e := range o.holds {
		if by(runs(e), trigger) == 0 {
			return fmt.Sprintf("the conditions of %s hold; want a run of its script by %s, got%s", e, trigger, list(got))
		}
	}
	for _, e := range o.fails {
		if len(runs(e)) > 0 {
			return fmt.Sprintf("the conditions of %s fail; want no run of its script, got%s", e, list(got))
		}
	}
	return ""
}

// without wants no session at a gateway.
func (o observation) without() string {
	if got := append(o.kind("session-added"), o.kind("verdict")...); len(got) > 0 {
		return "want no session at a gateway, got" + list(got)
	}
	return ""
}

func (o observation) rules(due demand, trigger wire.Trigger) string {
	verdicts := o.kind("verdict")
	switch due {
	case happens:
		for _, e := range o.judged {
			of := slices.DeleteFunc(slices.Clone(verdicts), func(r wire.AuditRecord) bool { return r.Entitlement != e })
			if by(of, trigger) == 0 {
				return fmt.Sprintf("want a verdict on %s by %s, got%s", e, trigger, list(verdicts))
			}
		}
		if len(o.judged) == 0 {
			return "no entitlement was to be judged"
		}
	case nothing:
		if got := append(verdicts, o.kind("rules-changed")...); len(got) > 0 {
			return "want no verdict and no change of rules, got" + list(got)
		}
	case absent:
		return o.without()
	case added:
		return o.expect(happens, "session-added", trigger)
	case removed:
		// The client may have gone before the gateway heard why.
		if got := o.kind("session-removed"); by(got, trigger) != 1 {
			return fmt.Sprintf("want the session removed by %s, got%s", trigger, list(got))
		}
	}
	return ""
}
