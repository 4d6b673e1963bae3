package config

import (
	"maps"
	"slices"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// variablesOf are the declarations that a condition's criteria need.
func variablesOf(c *wire.Condition) []policy.Variable {
	var vars []policy.Variable
	for _, name := range slices.Sorted(maps.Keys(c.Variables)) {
		vars = append(vars, policy.Variable{Name: name, Type: policy.VarType(c.Variables[name])})
	}
	return vars
}

// Compiled are an entitlement's conditions, as package policy plans them. One
// that does not compile, which Load would have refused, has no criteria.
func (c *Config) Compiled(e *Entitlement) []policy.Condition {
	var out []policy.Condition
	for i := range e.Conditions {
		w := &e.Conditions[i]
		criteria, err := policy.CompileWith(w.Criteria, variablesOf(w))
		if err != nil {
			criteria = nil
		}
		out = append(out, policy.Condition{ID: w.ID, Criteria: criteria, Interactions: w.Interactions, Denied: w.Denied})
	}
	return out
}
