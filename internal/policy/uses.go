package policy

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/parser"

	"github.com/tidegate/tidegate/internal/wire"
)

// uses is what an expression depends on.
type uses struct {
	text      string // as written, of a term; see lowering.term
	clock     bool   // now, within or during
	network   bool   // inNetwork
	responses KindSet
	claims    []*variable // all others, in the order of the text
}

// uses lists what e depends on. A variable of a macro that bears a claim's
// name counts as that claim.
func (l *lowering) uses(e ast.Expr) *uses {
	u := &uses{}
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.CallKind:
			switch e.AsCall().FunctionName() {
			case "within", "during":
				u.clock = true
			case "inNetwork":
				u.network = true
			}
		case ast.IdentKind:
			v := l.variable(e)
			switch {
			case v == nil:
			case v.from == fromClock:
				u.clock = true
			case v.from == fromResponse:
				u.responses |= setOf(v.response)
			default:
				u.claims = append(u.claims, v)
			}
		}
	}))
	return u
}

// term is uses with the text of e, by which an explanation quotes it.
func (l *lowering) term(e ast.Expr) *uses {
	u := l.uses(e)
	if text, err := parser.Unparse(e, l.ast.SourceInfo()); err == nil {
		u.text = text
	}
	return u
}

// constant is whether nothing can change it.
func (u *uses) constant() bool { return !u.clock && u.responses == 0 && len(u.claims) == 0 }

// names are those of all that it depends on, sorted.
func (u *uses) names() []string {
	var out []string
	if u.clock {
		out = append(out, "now")
	}
	for _, k := range u.responses.Kinds() {
		out = append(out, "responses."+string(k))
	}
	for _, v := range u.claims {
		out = append(out, v.name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// missing is the first claim that an unknown value wants for, or nil; an answer
// is no claim here.
func (u *uses) missing(v view) *variable {
	for _, of := range u.claims {
		if _, ok := v.value(of); !ok {
			return of
		}
	}
	return nil
}

// kind is the kind of criterion that this is.
func (u *uses) kind() wire.ReasonKind {
	switch {
	case u.responses != 0:
		return reasonOf(u.responses.Kinds()[0])
	case u.clock:
		return wire.ReasonTime
	case u.network:
		return wire.ReasonNetwork
	}
	for _, v := range u.claims {
		switch v.from {
		case fromDevice:
			return wire.ReasonDevice
		case fromUserName, fromUserGroups:
			return wire.ReasonGroup
		case fromAddress:
			return wire.ReasonNetwork
		case fromScript:
			return wire.ReasonScript
		case fromRisk:
			return wire.ReasonRisk
		}
	}
	return wire.ReasonCriteria
}

// pattern is the argument of a matches call in e that is no literal, or nil.
func pattern(e ast.Expr) (bad ast.Expr) {
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "matches" {
			return
		}
		args := e.AsCall().Args()
		if p := args[len(args)-1]; p.Kind() != ast.LiteralKind {
			bad = p
		}
	}))
	return bad
}
