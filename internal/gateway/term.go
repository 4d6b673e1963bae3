package gateway

import (
	"slices"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// hidden is what users are told where the administrator hides values: the kinds
// of what fails, and the administrator's own words.
func (e *entitlement) hidden() (wire.Reason, []wire.Term) {
	r := e.reason
	r.Detail = ""
	conds := e.grant.Conditions()
	if i := slices.IndexFunc(conds, func(c policy.Condition) bool { return c.ID == r.Condition }); i >= 0 {
		r.Detail = conds[i].Denied
	}
	var out []wire.Term
	for _, t := range e.terms {
		if t = (wire.Term{Kind: t.Kind, Condition: t.Condition}); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return r, out
}
