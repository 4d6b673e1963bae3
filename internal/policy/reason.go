package policy

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/internal/wire"
)

// reason explains why the conditions do not hold at the instant at. With a
// cure, that is what the cure mends; without one, what remains once everything
// that can be asked has been answered.
func (p *planner) reason(at, answered int64, cure KindSet) wire.Reason {
	if r, ok := p.blame(view{claims: p.claims}, at, cure); cure != 0 && ok {
		return r
	}
	if r, ok := p.blame(p.after(p.askable(), p.stamp(answered)), at, 0); ok {
		return r
	}
	r, _ := p.blame(view{claims: p.claims}, at, 0)
	return r
}

// blame names the first condition that fails and the first criterion in it
// that decides; with prefer, the first whose interaction is in that set.
func (p *planner) blame(v view, at int64, prefer KindSet) (wire.Reason, bool) {
	for i := range p.conds {
		c := &p.conds[i]
		if c.Criteria == nil {
			return wire.Reason{Kind: wire.ReasonCriteria, Condition: c.ID, Detail: c.Denied}, true
		}
		t, _ := c.Criteria.root.eval(v, at)
		if t == isTrue {
			continue
		}
		leaves := deciding(c.Criteria.root, v, at, nil)
		if prefer != 0 {
			leaves = slices.DeleteFunc(leaves, func(n node) bool {
				return prefer&answersOf(n) == 0
			})
			if len(leaves) == 0 {
				continue
			}
		}
		r := wire.Reason{Kind: wire.ReasonCriteria, Condition: c.ID, Detail: c.Denied}
		if len(leaves) > 0 {
			value, _ := leaves[0].eval(v, at)
			var missing string
			if r.Kind, missing = kindOf(leaves[0], v, value); missing != "" {
				r.Detail = fmt.Sprintf("%s was not reported", missing)
				if c.Denied != "" {
					r.Detail = c.Denied + " (" + r.Detail + ")"
				}
			}
		}
		return r, true
	}
	return wire.Reason{}, false
}

// deciding appends the leaves that make n what it is.
func deciding(n node, v view, at int64, out []node) []node {
	switch n := n.(type) {
	case not:
		return deciding(n.a, v, at, out)
	case same:
		return deciding(n.b, v, at, deciding(n.a, v, at, out))
	case conditional:
		out = deciding(n.cond, v, at, out)
		switch c, _ := n.cond.eval(v, at); c {
		case isTrue:
			return deciding(n.a, v, at, out)
		case isFalse:
			return deciding(n.b, v, at, out)
		}
		return out
	case junction:
		value, _ := n.eval(v, at)
		for _, operand := range [...]node{n.a, n.b} {
			if t, _ := operand.eval(v, at); t == value {
				out = deciding(operand, v, at, out)
			}
		}
		return out
	}
	return append(out, n)
}

// usesOf is what a leaf depends on; a constant depends on nothing.
func usesOf(n node) *uses {
	switch n := n.(type) {
	case within:
		return n.uses
	case during:
		return n.uses
	case flag:
		return n.uses
	case group:
		return n.uses
	case equals:
		return n.uses
	case network:
		return n.uses
	case compare:
		return n.uses
	case member:
		return n.uses
	case leaf:
		return n.uses
	case constant:
		return &uses{text: strconv.FormatBool(bool(n))}
	}
	return &uses{}
}

// answersOf are the interactions that a leaf reads.
func answersOf(n node) KindSet { return usesOf(n).responses }

// kindOf is the kind of criterion that a leaf is; where it is unknown for want
// of a claim, that claim is named. An interaction that was never answered is
// no missing claim: it can be answered.
func kindOf(n node, v view, value truth) (kind wire.ReasonKind, missing string) {
	u := usesOf(n)
	if value == unknown {
		if m := u.missing(v); m != nil {
			return wire.ReasonMissing, m.name
		}
	}
	return u.kind(), ""
}

// reasonOf is why an answer that is wanting denies.
func reasonOf(k wire.InteractionKind) wire.ReasonKind {
	switch k {
	case wire.InteractionMFA:
		return wire.ReasonMFA
	case wire.InteractionPassword:
		return wire.ReasonPassword
	case wire.InteractionReason:
		return wire.ReasonUserReason
	}
	return wire.ReasonMessage
}
