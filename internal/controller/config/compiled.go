package config

import (
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// Variables are what criteria may read beyond the built-in claims.
func (c *Config) Variables() []policy.Variable {
	var vars []policy.Variable
	for _, s := range c.Scripts {
		if s.Kind == wire.ScriptCriteria {
			vars = append(vars, policy.Variable{Name: "scripts." + wire.Variable(s.Name), Type: policy.VarType(s.Type)})
		}
	}
	types := map[wire.GatherKind]policy.VarType{wire.GatherProcess: policy.TypeBool, wire.GatherFile: policy.TypeBool, wire.GatherDigest: policy.TypeString}
	for _, g := range c.Gather {
		typ, ok := types[g.Kind]
		if !ok {
			typ = policy.VarType(g.Type)
		}
		vars = append(vars, policy.Variable{Name: "device." + g.Name, Type: typ})
	}
	return vars
}

// Compiled are an entitlement's conditions, as package policy plans them. One
// that is not among those that Load compiled has no criteria, which denies.
func (c *Config) Compiled(e *Entitlement) []policy.Condition {
	var out []policy.Condition
	for i := range e.Conditions {
		w := &e.Conditions[i]
		var criteria *policy.Criteria
		if known := c.Conditions[w.ID]; known != nil && known.Criteria == w.Criteria {
			criteria = known.Compiled
		}
		out = append(out, policy.Condition{ID: w.ID, Criteria: criteria, Interactions: w.Interactions, Any: w.Any, Denied: w.Denied})
	}
	return out
}
