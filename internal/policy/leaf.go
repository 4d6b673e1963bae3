package policy

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
)

// leaf is an expression without now that cel-go itself evaluates: functions of
// text, exists and all, doubles. It stands until a claim changes. A claim that
// is missing is an error to cel-go, which is unknown here.
type leaf struct {
	program cel.Program
	names   vocabulary
	uses    *uses
}

func (n leaf) eval(v view, _ int64) (truth, int64) {
	out, _, err := n.program.Eval(activation{v, n.names})
	if b, ok := out.(types.Bool); ok && err == nil {
		return truthOf(bool(b)), forever
	}
	return unknown, forever
}

// leafNumber is a leaf that is a whole number.
type leafNumber struct {
	program cel.Program
	names   vocabulary
}

func (n leafNumber) eval(v view, _ int64) value {
	out, _, err := n.program.Eval(activation{v, n.names})
	if i, ok := out.(types.Int); ok && err == nil {
		return whole(int64(i), forever)
	}
	return missing(forever)
}

// activation shows the claims to cel-go. One that is missing, or of another
// type than declared, is not there.
type activation struct {
	v     view
	names vocabulary
}

var _ interpreter.Activation = activation{}

func (a activation) Parent() interpreter.Activation { return nil }

func (a activation) ResolveName(name string) (any, bool) {
	of, ok := a.names[name]
	if !ok {
		return nil, false
	}
	return a.v.value(of)
}

// value is what a claim or an answer is, as cel-go takes it.
func (v view) value(of *variable) (any, bool) {
	switch of.typ {
	case cel.BoolType:
		b, ok := v.claims.flag(of)
		return types.Bool(b), ok
	case cel.StringType:
		s, ok := v.claims.text(of)
		return types.String(s), ok
	case cel.TimestampType:
		ns, ok := v.response(of.response)
		return types.Timestamp{Time: instant(ns)}, ok
	case cel.IntType:
		x, ok := v.claims.number(of)
		return types.Int(x), ok
	}
	l, ok := v.claims.list(of)
	return l, ok
}
