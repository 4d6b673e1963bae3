package policy

import (
	"fmt"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/tidegate/tidegate/internal/wire"
)

// lowering turns the checked tree into nodes, refusing what they cannot say.
type lowering struct {
	ast *ast.AST
	c   *Criteria
}

func (l *lowering) refuse(e ast.Expr, format string, args ...any) error {
	at := l.ast.SourceInfo().GetStartLocation(e.ID())
	err := &Error{Line: max(at.Line(), 1), Column: max(at.Column()+1, 1), Msg: fmt.Sprintf(format, args...)}
	return err
}

const forms = `write within(responses.mfa, duration("60m")), during("Mon-Fri", "08:30", "17:00"), device.firewall, "group" in user.groups or device.os_name == "linux", joined by &&, || and !`

func (l *lowering) lower(e ast.Expr) (node, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		if v, ok := e.AsLiteral().(types.Bool); ok {
			return constant(v), nil
		}
	case ast.IdentKind:
		if name := l.name(e); strings.HasPrefix(name, "device.") {
			return flag{name: name}, nil
		}
	case ast.CallKind:
		return l.call(e)
	}
	return nil, l.refuse(e, "this form is not supported; %s", forms)
}

func (l *lowering) call(e ast.Expr) (node, error) {
	call := e.AsCall()
	args := call.Args()
	switch call.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr:
		a, err := l.lower(args[0])
		if err != nil {
			return nil, err
		}
		b, err := l.lower(args[1])
		if err != nil {
			return nil, err
		}
		return junction{or: call.FunctionName() == operators.LogicalOr, a: a, b: b}, nil
	case operators.LogicalNot:
		a, err := l.lower(args[0])
		if err != nil {
			return nil, err
		}
		return not{a: a}, nil
	case "within":
		return l.within(args)
	case "during":
		return l.during(args)
	case operators.In, operators.OldIn:
		if l.name(args[1]) != "user.groups" {
			return nil, l.refuse(args[1], `"in" looks into user.groups only; write "group" in user.groups, or comparisons joined by ||`)
		}
		g, err := l.text(args[0], "the group")
		if err != nil {
			return nil, err
		}
		return group{name: g}, nil
	case operators.Equals, operators.NotEquals:
		return l.equals(e, call.FunctionName() == operators.NotEquals, args)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		if l.ast.GetType(args[0].ID()).Kind() == types.StringKind {
			return nil, l.refuse(e, `text has no order that versions follow ("9" comes after "10"); compare with == or !=`)
		}
	}
	return nil, l.refuse(e, "this form is not supported; %s", forms)
}

func (l *lowering) within(args []ast.Expr) (node, error) {
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
	return within{kind: kind, d: int64(d)}, nil
}

func (l *lowering) equals(e ast.Expr, negated bool, args []ast.Expr) (node, error) {
	claim, lit := args[0], args[1]
	if claim.Kind() == ast.LiteralKind {
		claim, lit = lit, claim
	}
	switch name := l.name(claim); l.ast.GetType(claim.ID()).Kind() {
	case types.StringKind:
		if name == "" {
			return nil, l.refuse(claim, `compare a claim with a text; write device.os_name == "linux"`)
		}
		v, err := l.text(lit, "the value")
		if err != nil {
			return nil, err
		}
		return equals{name: name, value: v, not: negated}, nil
	case types.BoolKind:
		return nil, l.refuse(e, "a true or false claim stands alone; write device.firewall or !device.firewall")
	}
	return nil, l.refuse(e, "this form is not supported; %s", forms)
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

// text is the literal that e must be.
func (l *lowering) text(e ast.Expr, what string) (string, error) {
	if e.Kind() == ast.LiteralKind {
		if s, ok := e.AsLiteral().(types.String); ok {
			return string(s), nil
		}
	}
	return "", l.refuse(e, "write %s as a text in quotes", what)
}
