package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestAnyOf is seed 003's user interactions with ALL or ONE.
func TestAnyOf(t *testing.T) {
	const (
		mfa      = `within(responses.mfa, duration("1h"))`
		password = `within(responses.password, duration("1h"))`
		either   = mfa + " || " + password
	)
	type cond struct {
		criteria string
		any      bool
		asks     []wire.InteractionKind
	}
	both := []wire.InteractionKind{wire.InteractionPassword, wire.InteractionMFA}
	for _, row := range []struct {
		name  string
		conds []cond
		cure  []wire.InteractionKind
		anyOf bool
	}{
		{"all asks the least trouble", []cond{{either, false, both}}, []wire.InteractionKind{wire.InteractionMFA}, false},
		{"one leaves the choice", []cond{{either, true, both}}, []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, true},
		{"where both are needed there is none", []cond{{mfa + " && " + password, true, both}}, []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, false},
		{"where one cures there is none", []cond{{mfa, true, both}}, []wire.InteractionKind{wire.InteractionMFA}, false},
		{"one that is not asked is no choice", []cond{{either, true, both[:1]}}, []wire.InteractionKind{wire.InteractionPassword}, false},
		{"a condition that holds has no say", []cond{{either, true, both}, {"true", false, both}}, []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, true},
		{"another that fails may be stricter", []cond{{either, true, both}, {mfa, true, both}}, []wire.InteractionKind{wire.InteractionMFA}, false},
		{"both may be cured by other answers", []cond{{password + " || " + mfa, true, both}, {either, true, both}}, []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, true},
		{"another that fails may leave no choice", []cond{{either, true, both}, {either, false, both}}, []wire.InteractionKind{wire.InteractionMFA}, false},
		{"two conditions of one answer each", []cond{{mfa, true, both}, {password, true, both}}, []wire.InteractionKind{wire.InteractionMFA, wire.InteractionPassword}, false},
		{"nothing cures", []cond{{either, true, both}, {"false", true, both}}, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var conds []Condition
			for _, c := range row.conds {
				var asks []wire.Interaction
				for _, k := range c.asks {
					asks = append(asks, wire.Interaction{Kind: k})
				}
				conds = append(conds, Condition{Criteria: compile(t, c.criteria), Any: c.any, Interactions: asks})
			}
			out := Plan(conds, &Claims{}, clock("10:00:00"), defaults)
			var cure []wire.InteractionKind
			for _, i := range out.Cure {
				cure = append(cure, i.Kind)
			}
			if d := cmp.Diff(row.cure, cure); d != "" || out.AnyOf != row.anyOf {
				t.Errorf("any of them: %v, want %v\n%s", out.AnyOf, row.anyOf, d)
			}
		})
	}
}
