package gateway

import (
	"net"
	"net/url"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/internal/reevaluate"
	"github.com/tidegate/tidegate/internal/wire"
)

// entitlement is one of a session's, with its verdict and its open flows. All
// but the lease belongs to whoever owns the session.
type entitlement struct {
	id    wire.EntitlementID
	index int // among the session's
	grant *reevaluate.Grant
	now   clock
	rules rules
	stale bool // the matcher has not read rules yet
	// actions are as they stand in the token, times all of its conditions'.
	actions  []wire.Action
	times    []wire.Reevaluate
	criteria []string        // the tasks of the scripts that the conditions read
	offers   map[string]bool // where its shortcuts lead, host:port

	reason  wire.Reason // of the verdict, whole
	terms   []wire.Term // that fail, whole
	verdict wire.Verdict
	flows   map[*flow]struct{}
	// roaming counts the flows by names that no rule has in full, see session.roam.
	roaming map[string]int
	// used: a flow is open, or was since the user last answered something. Only
	// what is used is worth a warning.
	used bool
	// asked and visited: of the judgement that is under way.
	asked, visited bool
	// scheduled is the next reevaluation time, row which row of the table it is.
	scheduled time.Time
	row       wire.Trigger
	// lease is the instant, in Unix nanoseconds, before which data may pass; 0
	// denies. Flows read it with every chunk.
	lease atomic.Int64
}

// take installs what a token says of the entitlement.
func (e *entitlement) take(w wire.Entitlement, grant *reevaluate.Grant, now time.Time) {
	e.grant, e.actions = grant, slices.Clone(w.Actions) // not the token's memory
	e.times, e.criteria, e.offers = nil, nil, nil
	for _, c := range w.Conditions {
		if len(c.Reevaluate.At) > 0 || c.Reevaluate.Every > 0 {
			e.times = append(e.times, c.Reevaluate)
		}
	}
	for _, c := range grant.Conditions() {
		if c.Criteria == nil {
			continue
		}
		for _, name := range c.Criteria.Names() {
			if v, ok := criteriaScript(name); ok && !slices.Contains(e.criteria, key(wire.ScriptCriteria, v)) {
				e.criteria = append(e.criteria, key(wire.ScriptCriteria, v))
			}
		}
	}
	for _, s := range w.Shortcuts {
		if at := linkTarget(s.Link); at != "" {
			if e.offers == nil {
				e.offers = map[string]bool{}
			}
			e.offers[at] = true
		}
	}
	e.schedule(now)
}

// schedule finds the next reevaluation time.
func (e *entitlement) schedule(now time.Time) {
	e.scheduled, e.row = nextReevaluation(e.times, now)
}

// linkTarget is where a shortcut leads, host:port.
func linkTarget(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "ssh": "22"}[u.Scheme]
	}
	t, err := parseTarget(net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return ""
	}
	return t.String()
}

// enact takes over what the subject has found, and says whether the verdict
// changed.
func (e *entitlement) enact(found *reevaluate.Subject, now time.Time, hide bool) bool {
	outcome := found.Outcome(e.index)
	e.reason, e.terms = outcome.Reason, found.Explain(e.index)
	v := wire.Verdict{
		Entitlement:  e.id,
		Allow:        outcome.Allow,
		NotAfter:     outcome.FailAt,
		Interactions: outcome.Cure,
		AnyOf:        outcome.AnyOf,
		Reason:       outcome.Reason,
		Failing:      e.terms,
		Since:        e.verdict.Since,
		Decision:     e.verdict.Decision,
		Due:          found.Due(e.index),
	}
	if hide {
		v.Reason, v.Failing = e.hidden()
	}
	e.lease.Store(found.Lease(e.index))
	if v.Decision != "" && reflect.DeepEqual(v, e.verdict) {
		return false
	}
	if v.Decision == "" || v.Allow != e.verdict.Allow || v.Reason.Kind != e.verdict.Reason.Kind {
		v.Since = now.UTC()
	}
	v.Decision = wire.DecisionID(wire.NewID())
	e.verdict = v
	return true
}

// permits says whether data may pass now.
func (e *entitlement) permits() bool { return e.now().UnixNano() < e.lease.Load() }

// recordVerdict is the verdict for the record, with what users may not see.
func (e *entitlement) recordVerdict(trigger wire.Trigger) wire.AuditRecord {
	r := wire.AuditRecord{Kind: "verdict", Entitlement: e.id, Trigger: trigger, Allow: e.verdict.Allow,
		Reason: e.reason, Lease: e.verdict.NotAfter, Decision: e.verdict.Decision}
	if len(e.terms) > 0 {
		r.Term = e.terms[0]
	}
	for _, i := range e.verdict.Interactions {
		r.Cure = append(r.Cure, string(i.Kind))
	}
	return r
}
