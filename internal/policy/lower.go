package policy

import (
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/tidegate/tidegate/internal/wire"
)

// maxNodes bounds what a criterion becomes: a conditional among numbers doubles
// what it stands in.
const maxNodes = 2000

// lowering turns the checked tree into nodes, refusing what they cannot say.
type lowering struct {
	ast  *ast.AST
	env  *environment
	c    *Criteria
	size int // nodes so far
}

func (l *lowering) refuse(e ast.Expr, format string, args ...any) error {
	at := l.ast.SourceInfo().GetStartLocation(e.ID())
	err := &Error{Line: max(at.Line(), 1), Column: max(at.Column()+1, 1), Msg: fmt.Sprintf(format, args...)}
	return err
}

const forms = `write within(responses.mfa, duration("60m")), during("Mon-Fri", "08:30", "17:00"), now.getHours("Europe/Berlin") < 17, device.firewall, "group" in user.groups or device.os_name == "linux", joined by &&, || and !`

// lower makes a node of an expression that is true or false. What no node says
// is left to cel-go, unless the clock is in it: nobody could tell when its
// value changes.
func (l *lowering) lower(e ast.Expr) (node, error) {
	if l.size++; l.size > maxNodes {
		return nil, l.refuse(e, "the criterion is too large; split it into several conditions")
	}
	switch e.Kind() {
	case ast.LiteralKind:
		if v, ok := e.AsLiteral().(types.Bool); ok {
			return constant(v), nil
		}
	case ast.IdentKind:
		if v := l.variable(e); v != nil {
			return flag{of: v, uses: l.term(e)}, nil
		}
	case ast.CallKind:
		return l.call(e)
	}
	return l.leaf(e)
}

func (l *lowering) call(e ast.Expr) (node, error) {
	call := e.AsCall()
	args := call.Args()
	name := call.FunctionName()
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		in, err := l.each(args)
		if err != nil {
			return nil, err
		}
		return junction{or: name == operators.LogicalOr, a: in[0], b: in[1]}, nil
	case operators.LogicalNot:
		in, err := l.each(args)
		if err != nil {
			return nil, err
		}
		return not{a: in[0]}, nil
	case operators.Conditional:
		in, err := l.each(args)
		if err != nil {
			return nil, err
		}
		return conditional{cond: in[0], a: in[1], b: in[2]}, nil
	case "within":
		return l.within(e, args)
	case "during":
		return l.during(e, args)
	case "inNetwork":
		return l.network(e, args)
	case operators.In, operators.OldIn:
		return l.in(e, args[0], args[1])
	case operators.Equals, operators.NotEquals:
		return l.equals(e, name == operators.NotEquals, args)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return l.compare(e, name, args[0], args[1])
	}
	return l.leaf(e)
}

// each lowers them in turn.
func (l *lowering) each(args []ast.Expr) ([]node, error) {
	out := make([]node, len(args))
	for i, a := range args {
		var err error
		if out[i], err = l.lower(a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// in is membership of a group, of a number among literals, or cel-go's.
func (l *lowering) in(e, x, list ast.Expr) (node, error) {
	if l.name(list) == "user.groups" && x.Kind() == ast.LiteralKind {
		g, err := l.text(x, "the group")
		if err != nil {
			return nil, err
		}
		return group{name: g, uses: l.term(e)}, nil
	}
	u := l.term(e)
	if !u.clock {
		return l.leaf(e)
	}
	if list.Kind() != ast.ListKind || l.kind(x) != types.IntKind {
		return nil, l.refuse(e, `with the clock in it, "in" takes a whole number and a list of such; write now.getDayOfWeek() in [1, 2, 3, 4, 5]`)
	}
	var of []int64
	for _, item := range list.AsList().Elements() {
		n, ok := l.fold(item).(types.Int)
		if !ok {
			return nil, l.refuse(item, "with the clock in it, a list holds whole numbers as written; write comparisons joined by ||")
		}
		of = append(of, int64(n))
	}
	l.c.reads |= u.responses
	a, err := l.number(x)
	if err != nil {
		return nil, err
	}
	return a.node(func(a number) (node, error) { return member{a: a, of: of, uses: u}, nil })
}

// leaf leaves an expression to cel-go.
func (l *lowering) leaf(e ast.Expr) (node, error) {
	p, err := l.program(e)
	if err != nil {
		return nil, err
	}
	u := l.term(e)
	l.c.reads |= u.responses
	return leaf{program: p, names: l.env.names, uses: u}, nil
}

// program has cel-go evaluate e, in which there is no clock.
func (l *lowering) program(e ast.Expr) (cel.Program, error) {
	if l.uses(e).clock {
		return nil, l.refuse(e, "when this changes as time goes by cannot be told; %s", forms)
	}
	if p := pattern(e); p != nil {
		return nil, l.refuse(p, `write the pattern as a text in quotes: device.hostname.matches("^desk-[0-9]+$")`)
	}
	sub := ast.NewCheckedAST(ast.NewAST(e, l.ast.SourceInfo()), l.ast.TypeMap(), l.ast.ReferenceMap())
	checking.Lock()
	defer checking.Unlock()
	p, err := l.env.env.PlanProgram(sub, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, l.refuse(e, "%v", err)
	}
	return p, nil
}

// fold is the value of e where nothing can change it, or nil.
func (l *lowering) fold(e ast.Expr) ref.Val {
	if !l.uses(e).constant() {
		return nil
	}
	p, err := l.program(e)
	if err != nil {
		return nil
	}
	out, _, err := p.Eval(cel.NoVars())
	if err != nil {
		return nil
	}
	return out
}

func (l *lowering) kind(e ast.Expr) types.Kind { return l.ast.GetType(e.ID()).Kind() }

func (l *lowering) within(e ast.Expr, args []ast.Expr) (node, error) {
	kind := wire.InteractionKind(strings.TrimPrefix(l.name(args[0]), "responses."))
	if !kind.Known() {
		return nil, l.refuse(args[0], "within looks at answers; write responses.mfa, responses.password, responses.reason or responses.message")
	}
	const write = `write the duration as duration("60m") or duration("8h")`
	if args[1].Kind() != ast.CallKind || args[1].AsCall().FunctionName() != "duration" || len(args[1].AsCall().Args()) != 1 {
		return nil, l.refuse(args[1], "%s", write)
	}
	s, err := l.text(args[1].AsCall().Args()[0], "the duration")
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > MaxLifetime {
		return nil, l.refuse(args[1], "%q is not a lifetime between 1ns and ten years; %s", s, write)
	}
	l.c.reads |= setOf(kind)
	l.c.lifetimes = append(l.c.lifetimes, d)
	return within{kind: kind, d: int64(d), uses: l.term(e)}, nil
}

// equals compares text, truths or numbers.
func (l *lowering) equals(e ast.Expr, negated bool, args []ast.Expr) (node, error) {
	a, b := args[0], args[1]
	if a.Kind() == ast.LiteralKind {
		a, b = b, a
	}
	switch l.kind(a) {
	case types.StringKind:
		if of := l.variable(a); of != nil && b.Kind() == ast.LiteralKind {
			v, err := l.text(b, "the value")
			if err != nil {
				return nil, err
			}
			return equals{of: of, value: v, not: negated, uses: l.term(e)}, nil
		}
	case types.BoolKind:
		if b.Kind() == ast.LiteralKind {
			return nil, l.refuse(e, "a true or false claim stands alone; write device.firewall or !device.firewall")
		}
		in, err := l.each(args)
		if err != nil {
			return nil, err
		}
		return same{not: negated, a: in[0], b: in[1]}, nil
	case types.IntKind, types.DurationKind, types.TimestampKind:
		op := operators.Equals
		if negated {
			op = operators.NotEquals
		}
		return l.compare(e, op, a, b)
	}
	return l.leaf(e)
}

// name is the claim that e names, or empty.
func (l *lowering) name(e ast.Expr) string {
	if e.Kind() != ast.IdentKind {
		return ""
	}
	if r, ok := l.ast.ReferenceMap()[e.ID()]; ok {
		return r.Name
	}
	return e.AsIdent()
}

// variable is what e names, or nil.
func (l *lowering) variable(e ast.Expr) *variable { return l.env.names[l.name(e)] }

// text is the literal that e must be.
func (l *lowering) text(e ast.Expr, what string) (string, error) {
	if e.Kind() == ast.LiteralKind {
		if s, ok := e.AsLiteral().(types.String); ok {
			return string(s), nil
		}
	}
	return "", l.refuse(e, "write %s as a text in quotes", what)
}
