package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxReported bounds what is quoted of a claim, in bytes.
const maxReported = 200

// Explain lists each criterion that keeps a condition from holding at the
// instant at, in the order of the conditions and of their texts: of a denial
// now, of an allowance at its FailAt. It is nil where all conditions hold. A term
// has no text where its condition did not compile, and names the claim that is
// missing, or the only one that it reads. Values are personal data: an
// administrator may withhold them.
func Explain(conds []Condition, claims *Claims, at time.Time) []wire.Term {
	var out []wire.Term
	v, ns := view{claims: claims}, at.UnixNano()
	for i := range conds {
		c := &conds[i]
		if c.Criteria == nil {
			out = append(out, wire.Term{Condition: c.ID, Kind: wire.ReasonCriteria})
			continue
		}
		if t, _ := c.Criteria.root.eval(v, ns); t == isTrue {
			continue
		}
		for _, n := range obstructing(c.Criteria.root, v, ns, true, nil) {
			if t := termOf(c.ID, n, v, ns); !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// obstructing appends the leaves that keep n from being want.
func obstructing(n node, v view, at int64, want bool, out []node) []node {
	if t, _ := n.eval(v, at); t == truthOf(want) {
		return out
	}
	switch n := n.(type) {
	case not:
		return obstructing(n.a, v, at, !want, out)
	case junction:
		return obstructing(n.b, v, at, want, obstructing(n.a, v, at, want, out))
	case same:
		return deciding(n, v, at, out)
	case conditional:
		switch c, _ := n.cond.eval(v, at); c {
		case isTrue:
			return obstructing(n.a, v, at, want, deciding(n.cond, v, at, out))
		case isFalse:
			return obstructing(n.b, v, at, want, deciding(n.cond, v, at, out))
		}
		return deciding(n.cond, v, at, out)
	}
	return append(out, n)
}

func termOf(id wire.ConditionID, n node, v view, at int64) wire.Term {
	u := usesOf(n)
	value, _ := n.eval(v, at)
	t := wire.Term{Condition: id, Text: u.text}
	if t.Kind, t.Claim = kindOf(n, v, value); t.Claim != "" {
		return t
	}
	kinds := u.responses.Kinds()
	switch {
	case len(kinds) == 1 && len(u.claims) == 0:
		t.Claim = "responses." + string(kinds[0])
		if ns, ok := v.response(kinds[0]); ok {
			t.Reported = instant(ns).Format(time.RFC3339)
		}
	case len(kinds) == 0 && len(u.claims) > 0 && !slices.ContainsFunc(u.claims, func(o *variable) bool { return o != u.claims[0] }):
		t.Claim, t.Reported = u.claims[0].name, v.text(u.claims[0])
	}
	return t
}

// text is a claim's value as text.
func (v view) text(of *variable) string {
	x, ok := v.value(of)
	if !ok {
		return ""
	}
	var s string
	switch x := x.(type) {
	case types.Bool:
		s = strconv.FormatBool(bool(x))
	case types.Int:
		s = strconv.FormatInt(int64(x), 10)
	case types.String:
		s = string(x)
	case []string:
		s = strings.Join(x, ", ")
	}
	if len(s) > maxReported {
		s = strings.ToValidUTF8(s[:maxReported], "") + "…"
	}
	return s
}
