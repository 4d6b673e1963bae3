package reevaluate

import (
	"encoding/json"
	"fmt"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// Grant is the conditions of an entitlement, compiled; all of them have to
// hold. It is immutable and shared by all sessions.
type Grant struct {
	conds  []policy.Condition
	inputs policy.Inputs
}

// NewGrant makes a grant of conditions that are compiled and not changed any
// more. None at all allow.
func NewGrant(conds []policy.Condition) *Grant {
	g := &Grant{conds: conds}
	for _, c := range conds {
		if c.Criteria != nil {
			g.inputs |= c.Criteria.Inputs()
		}
	}
	return g
}

// Conditions are the compiled ones; they are not to be changed.
func (g *Grant) Conditions() []policy.Condition { return g.conds }

// Inputs is all that the conditions read.
func (g *Grant) Inputs() policy.Inputs { return g.inputs }

// Grants compiles and keeps grants for as long as some session holds them, so
// that equal conditions are compiled once and share their memory. The zero
// value is ready; any number of goroutines may use it.
type Grants struct {
	grants   interned[Grant]
	criteria interned[policy.Criteria]
}

// Of is the grant of conditions as they stand in a token. A condition that does
// not compile denies; the first error of such comes along.
func (g *Grants) Of(conds []wire.Condition) (*Grant, error) {
	key, err := json.Marshal(conds)
	if err != nil {
		return NewGrant([]policy.Condition{{}}), fmt.Errorf("tell conditions apart: %w", err)
	}
	return g.grants.get(string(key), func() (*Grant, error) {
		compiled := make([]policy.Condition, 0, len(conds))
		var first error
		for _, w := range conds {
			c := policy.Condition{ID: w.ID, Interactions: w.Interactions, Any: w.Any, Denied: w.Denied}
			vars := policy.VariablesOf(w)
			var err error
			c.Criteria, err = g.criteria.get(fmt.Sprint(vars, w.Criteria), func() (*policy.Criteria, error) {
				return policy.CompileWith(w.Criteria, vars)
			})
			if err != nil && first == nil {
				first = fmt.Errorf("condition %s: %w", w.ID, err)
			}
			compiled = append(compiled, c)
		}
		return NewGrant(compiled), first
	})
}
