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
	uses    *uses
}

func (n leaf) eval(v *view, _ int64) (truth, int64) {
	out, _, err := n.program.Eval(activation{v})
	if b, ok := out.(types.Bool); ok && err == nil {
		return truthOf(bool(b)), forever
	}
	return unknown, forever
}

// leafNumber is a leaf that is a whole number.
type leafNumber struct{ program cel.Program }

func (n leafNumber) eval(v *view, _ int64) value {
	out, _, err := n.program.Eval(activation{v})
	if i, ok := out.(types.Int); ok && err == nil {
		return whole(int64(i), forever)
	}
	return missing(forever)
}

// activation shows the claims to cel-go. One that is missing, or of another
// type than declared, is not there.
type activation struct{ v *view }

var _ interpreter.Activation = activation{}

func (a activation) Parent() interpreter.Activation { return nil }

func (a activation) ResolveName(name string) (any, bool) {
	d, ok := declared[name]
	if !ok {
		return nil, false
	}
	switch d.typ {
	case cel.BoolType:
		b, ok := a.v.claims.flag(name)
		return types.Bool(b), ok
	case cel.StringType:
		s, ok := a.v.claims.text(name)
		return types.String(s), ok
	case cel.TimestampType:
		ns, ok := a.v.response(d.response)
		return types.Timestamp{Time: instant(ns)}, ok
	case cel.IntType:
		x := risk{}.eval(a.v, 0)
		return types.Int(x.n), x.known
	}
	return a.v.claims.User.Groups, true
}
