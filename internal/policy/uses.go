package policy

import (
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/tidegate/tidegate/internal/wire"
)

// uses is what an expression depends on.
type uses struct {
	clock     bool // now, within or during
	responses kindSet
	claims    []string // all others by CEL name, in the order of the text
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
			}
		case ast.IdentKind:
			name := l.name(e)
			d, ok := declared[name]
			switch {
			case name == "now":
				u.clock = true
			case ok && d.response != "":
				u.responses |= setOf(d.response)
			case ok:
				u.claims = append(u.claims, name)
			}
		}
	}))
	return u
}

// constant is whether nothing can change it.
func (u *uses) constant() bool { return !u.clock && u.responses == 0 && len(u.claims) == 0 }

// missing is the first claim that an unknown value wants for; an answer is no
// claim here.
func (u *uses) missing(v *view) string {
	for _, name := range u.claims {
		if _, ok := (activation{v}).ResolveName(name); !ok {
			return name
		}
	}
	return ""
}

// kind is the kind of criterion that this is.
func (u *uses) kind() wire.ReasonKind {
	switch {
	case u.responses != 0:
		return reasonOf(u.responses.kinds()[0])
	case u.clock:
		return wire.ReasonTime
	}
	for _, name := range u.claims {
		switch {
		case strings.HasPrefix(name, "device."):
			return wire.ReasonDevice
		case strings.HasPrefix(name, "user."):
			return wire.ReasonGroup
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
