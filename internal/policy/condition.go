package policy

import (
	"maps"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// ConditionOf compiles a condition as it stands in a token. On an error, which
// is an *Error, the condition has no Criteria, and so denies.
func ConditionOf(w wire.Condition) (Condition, error) {
	c := Condition{ID: w.ID, Interactions: w.Interactions, Any: w.Any, Denied: w.Denied}
	criteria, err := CompileWith(w.Criteria, VariablesOf(w))
	if err == nil {
		c.Criteria = criteria
	}
	return c, err
}

// VariablesOf lists what a condition reads beyond the built-in claims, by name.
func VariablesOf(w wire.Condition) []Variable {
	var vars []Variable
	for _, name := range slices.Sorted(maps.Keys(w.Variables)) {
		vars = append(vars, Variable{Name: name, Type: VarType(w.Variables[name])})
	}
	return vars
}
