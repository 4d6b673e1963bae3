package plan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// Plan is what a new configuration would do.
type Plan struct {
	// ID names the pair of configurations: a plan is applied by it, and not
	// when either has changed since.
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Changes  []Change  `json:"changes"`
	Effects  []Effect  `json:"effects"`
	Sessions int       `json:"sessions"` // looked at
	Warnings []string  `json:"warnings,omitempty"`
}

// ID names a plan from one configuration to another, by their digests.
func ID(base, wanted string) string {
	sum := sha256.Sum256([]byte(base + "\n" + wanted))
	return hex.EncodeToString(sum[:6])
}

// Make compares two configurations on the live sessions at now. It tells
// progress, where that is not nil, after each session, and gives up when ctx ends.
func Make(ctx context.Context, before, after *config.Config, sessions []Session, now time.Time, progress func(done, total int)) (*Plan, error) {
	p := &Plan{ID: ID(before.Digest, after.Digest), At: now, Changes: changes(before, after), Sessions: len(sessions)}
	was, will := newForesight(before), newForesight(after)
	for i, s := range sessions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.Effects = append(p.Effects, effects(was, will, s, now)...)
		if progress != nil {
			progress(i+1, len(sessions))
		}
	}
	slices.SortStableFunc(p.Effects, func(a, b Effect) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Entitlement, b.Entitlement),
			a.At.Compare(b.At), cmp.Compare(a.User, b.User), cmp.Compare(a.Session, b.Session))
	})
	return p, nil
}

// effects compares what one session may before and after.
func effects(was, will *foresight, s Session, now time.Time) []Effect {
	e := Effect{Session: s.ID, User: s.User}
	if u := will.conf.Users[s.User]; u == nil || u.Disabled {
		e.Kind, e.At = Ends, now
		return []Effect{e}
	}
	before, after := was.see(s, now), will.see(s, now)
	ids := map[wire.EntitlementID]bool{}
	for id := range before {
		ids[id] = true
	}
	for id := range after {
		ids[id] = true
	}
	var out []Effect
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		e.Entitlement = id
		a, b := before[id], after[id]
		if e, some := compareSights(e, a, b, now); some {
			out = append(out, e)
		}
		if a.entitled && b.entitled && !reflect.DeepEqual(a.leads, b.leads) {
			e.Kind, e.At = Differs, now
			out = append(out, e)
		}
	}
	return out
}

// sight is what becomes of one entitlement; the zero sight is not entitled.
type sight struct {
	policy.Outcome
	entitled bool
	guarded
}

// compareSights says what changes between two sights, if anything does.
func compareSights(e Effect, a, b sight, now time.Time) (Effect, bool) {
	e.At, e.Reason = now, b.Reason.Kind
	for _, i := range b.Cure {
		e.Cure = append(e.Cure, i.Kind)
	}
	ends := func(s sight) time.Time { // of an allowance that no answer keeps
		if len(s.Cure) > 0 {
			return time.Time{}
		}
		return s.FailAt
	}
	switch {
	case a.entitled && !b.entitled:
		e.Kind, e.Reason = Loses, wire.ReasonNotEntitled
	case b.scripted() && !a.entitled, a.entitled && (a.scripted() || b.scripted()) && !same(a, b):
		e.Kind, e.Cure = Unknown, nil
	case a.Allow && !b.Allow:
		e.Kind = Loses
	case !a.Allow && b.Allow:
		e.Kind, e.At, e.Cure, e.Reason = Gains, now, nil, ""
	case !a.entitled && (len(b.Cure) > 0 || !b.FailAt.IsZero()):
		e.Kind, e.Reason = Gains, ""
		if len(b.Cure) == 0 {
			e.At = b.FailAt
		}
	case !a.Allow && !b.Allow:
		return e, false
	case len(b.Cure) > 0 && (len(a.Cure) == 0 || b.WarnAt.Before(a.WarnAt)):
		e.Kind, e.At = Prompted, b.WarnAt
	case earlier(ends(b), ends(a)):
		e.Kind, e.At, e.Was = Sooner, ends(b), ends(a)
	case earlier(ends(a), ends(b)):
		e.Kind, e.At, e.Was, e.Cure = Later, ends(b), ends(a), nil
	default:
		return e, false
	}
	return e, true
}

// same says whether two sights are of the same criteria and scripts, and come
// out the same as far as is known.
func same(a, b sight) bool {
	return a.Allow == b.Allow && a.FailAt.Equal(b.FailAt) && a.WarnAt.Equal(b.WarnAt) &&
		reflect.DeepEqual(a.conditions, b.conditions) && reflect.DeepEqual(a.scripts, b.scripts)
}

// earlier compares two ends, of which the zero one never comes.
func earlier(a, b time.Time) bool {
	return !a.IsZero() && (b.IsZero() || a.Before(b))
}
