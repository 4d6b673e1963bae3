package policycase

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// Result is what came of a case.
type Result struct {
	Case Case
	// Policies are those that the user is assigned.
	Policies []string
	// Got is what the configuration decides. FailAt is the instant of the next
	// change, however far ahead; zero: there is none within 400 days.
	Got policy.Outcome
	// Differences are what is not as expected, each at its place: none, and the
	// case has passed.
	Differences resource.Errors
}

// Run judges the cases by a configuration. It is an error, resource.Errors, if
// a case names what is not in it; then there are no results.
func Run(conf *config.Config, cases []Case) ([]Result, error) {
	var errs resource.Errors
	var results []Result
	for _, c := range cases {
		r, err := c.run(conf)
		errs.Add(err)
		results = append(results, r)
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return results, nil
}

func (c Case) run(conf *config.Config) (Result, error) {
	r := Result{Case: c}
	var errs resource.Errors
	u := conf.Users[c.spec.As]
	if u == nil {
		errs.Add(c.doc.At("as").Errorf("there is no User %q in the configuration; name one of it", c.spec.As))
	}
	e := c.entitlement(conf)
	if e == nil && c.spec.App != "" {
		errs.Add(c.doc.At("app").Errorf("no entitlement of the configuration has the shortcut %q; name one of its shortcuts", c.spec.App))
	} else if e == nil {
		errs.Add(c.doc.At("entitlement").Errorf("there is no Entitlement %q in the configuration; name one of it", c.spec.Entitlement))
	}
	if len(errs) > 0 {
		return r, errs.Err()
	}
	claims, err := c.claims(conf, u)
	if err != nil {
		return r, err
	}
	assigned := conf.AssignedAt(u, c.spec.Claims.Address)
	r.Policies = config.Names(assigned)
	gives := func(p *config.Policy) bool { return slices.Contains(p.Entitlements, e.ID) }
	switch {
	case u.Disabled:
		r.Got.Reason = wire.Reason{Kind: wire.ReasonRevoked, Detail: u.Name + " is disabled"}
	case !slices.ContainsFunc(assigned, gives):
		r.Got.Reason = wire.Reason{Kind: wire.ReasonNotEntitled, Detail: "no policy of " + u.Name + "'s gives the entitlement " + string(e.ID)}
	default:
		o := policy.PlanOptions{WarningLead: conf.Settings.WarningLead.D(), StampRounding: conf.Settings.StampRounding.D()}
		r.Got = foresee(conf.Compiled(e), claims, c.at, o)
	}
	r.compare()
	return r, nil
}

func (c *Case) entitlement(conf *config.Config) *config.Entitlement {
	if c.spec.Entitlement != "" {
		return conf.Entitlements[wire.EntitlementID(c.spec.Entitlement)]
	}
	for _, e := range conf.Entitlements {
		if slices.ContainsFunc(e.Shortcuts, func(s wire.Shortcut) bool { return string(s.ID) == c.spec.App }) {
			return e
		}
	}
	return nil
}

// farthest is how far ahead a change is looked for, in plans and in time.
const (
	farthest = 400 * 24 * time.Hour
	maxPlans = 1000
)

// foresee plans again where a plan ends before a change.
func foresee(conds []policy.Condition, claims *policy.Claims, at time.Time, o policy.PlanOptions) policy.Outcome {
	out := policy.Plan(conds, claims, at, o)
	for range maxPlans {
		if out.FailAt.IsZero() {
			return out
		}
		next := policy.Plan(conds, claims, out.FailAt, o)
		switch {
		case next.Allow != out.Allow:
			return out
		case out.Allow:
			out = next
		default:
			out.FailAt = next.FailAt // what would cure now, and why, stands
		}
		if out.FailAt.After(at.Add(farthest)) {
			break
		}
	}
	out.FailAt = time.Time{}
	return out
}

// compare notes what is not as expected.
func (r *Result) compare() {
	c, want, got := &r.Case, r.Case.spec.Expect, r.Got
	differ := func(key, format string, args ...any) {
		r.Differences.Add(c.doc.At("expect", key).Errorf(format, args...))
	}
	if *want.Allow != got.Allow {
		why := because(got)
		if got.Allow {
			why = "" // what it has to say is what ends it
		}
		differ("allow", "expected %s, is %s%s", verdict(*want.Allow), verdict(got.Allow), why)
	}
	for _, f := range []struct {
		key string
		got time.Time
	}{{"until", got.FailAt}, {"warn", got.WarnAt}} {
		if t, _ := c.expected(f.key); c.doc.Has("expect", f.key) && !t.Equal(f.got) {
			differ(f.key, "expected %s %s, is %s%s", f.key, c.clock(t), c.clock(f.got), because(got))
		}
	}
	var cure []wire.InteractionKind
	for _, i := range got.Cure {
		cure = append(cure, i.Kind)
	}
	if c.doc.Has("expect", "cure") && !slices.Equal(sorted(want.Cure), sorted(cure)) {
		differ("cure", "expected cure %s, is %s%s", listed(want.Cure), listed(cure), because(got))
	}
	if c.doc.Has("expect", "reason") && want.Reason != got.Reason.Kind {
		differ("reason", "expected reason %s, is %s%s", want.Reason, cmp.Or(got.Reason.Kind, "none"), because(got))
	}
}

// because is why, as an end of a message.
func because(o policy.Outcome) string {
	var parts []string
	if o.Reason.Condition != "" {
		parts = append(parts, "condition "+string(o.Reason.Condition))
	}
	if o.Reason.Kind != "" {
		parts = append(parts, string(o.Reason.Kind))
	}
	if o.Reason.Detail != "" {
		parts = append(parts, o.Reason.Detail)
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func verdict(allow bool) string {
	if allow {
		return "allowed"
	}
	return "denied"
}

// clock is the time of day, with the date where it is another day than the case's.
func (c *Case) clock(t time.Time) string {
	switch {
	case t.IsZero():
		return never
	case t.Truncate(24*time.Hour) != c.at.Truncate(24*time.Hour) || t.Nanosecond() != 0:
		return t.Format(time.RFC3339Nano)
	case t.Second() != 0:
		return t.Format("15:04:05")
	}
	return t.Format("15:04")
}

func sorted(kinds []wire.InteractionKind) []wire.InteractionKind {
	return slices.Sorted(slices.Values(kinds))
}

func listed(kinds []wire.InteractionKind) string { return fmt.Sprint(sorted(kinds)) }
