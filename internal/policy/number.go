package policy

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// compare compares two numbers of one type.
func (l *lowering) compare(e ast.Expr, op string, a, b ast.Expr) (node, error) {
	kind := l.kind(a)
	if kind == types.StringKind {
		return nil, l.refuse(e, `text has no order that versions follow ("9" comes after "10"); compare with == or !=`)
	}
	u := l.term(e)
	numbers := kind == l.kind(b) && (kind == types.IntKind || kind == types.DurationKind || kind == types.TimestampKind)
	if !numbers {
		if u.clock {
			return nil, l.refuse(e, "the clock is compared in whole numbers, durations and timestamps; write now.getHours() < 17 or now - responses.mfa < duration(\"60m\")")
		}
		return l.leaf(e)
	}
	x, err := l.number(a)
	var y *choice
	if err == nil {
		y, err = l.number(b)
	}
	if err != nil {
		if u.clock {
			return nil, err
		}
		return l.leaf(e) // nothing in it moves: cel-go can say it
	}
	l.c.reads |= u.responses
	return x.node(func(x number) (node, error) {
		return y.node(func(y number) (node, error) { return l.ordered(e, op, x, y, u) })
	})
}

// ordered is x op y.
func (l *lowering) ordered(e ast.Expr, op string, x, y number, u *uses) (node, error) {
	if l.size++; l.size > maxNodes {
		return nil, l.refuse(e, "the criterion is too large; split it into several conditions")
	}
	if a, ok := x.(linear); ok {
		d, ok := a.plus(y.(linear), -1)
		if !ok {
			return nil, l.refuse(e, "these times lie too far apart to be compared; write a difference: now - responses.mfa < duration(\"60m\")")
		}
		if t, ok := d.lifetime(); ok {
			l.c.lifetimes = append(l.c.lifetimes, t)
		}
		x, y = d, linear{}
	}
	n := compare{a: x, b: y, uses: u}
	switch op {
	case operators.Less:
		n.rel = less
	case operators.GreaterEquals:
		n.rel, n.not = less, true
	case operators.LessEquals:
		n.rel = lessOrEqual
	case operators.Greater:
		n.rel, n.not = lessOrEqual, true
	case operators.Equals:
		n.rel = equal
	case operators.NotEquals:
		n.rel, n.not = equal, true
	}
	return n, nil
}

// number lowers an expression that is a whole number, a duration or a
// timestamp.
func (l *lowering) number(e ast.Expr) (*choice, error) {
	if l.size++; l.size > maxNodes {
		return nil, l.refuse(e, "the criterion is too large; split it into several conditions")
	}
	switch l.kind(e) {
	case types.IntKind, types.DurationKind, types.TimestampKind:
	default:
		return nil, l.refuse(e, "this is not known to be a whole number, a duration or a timestamp; write it without dyn")
	}
	if v := l.fold(e); v != nil {
		return l.literal(e, v)
	}
	if v := l.variable(e); v != nil {
		switch v.from {
		case fromClock:
			return &choice{number: linear{now: 1}}, nil
		case fromResponse:
			return &choice{number: answer(v.response)}, nil
		}
		return &choice{number: claimed{of: v}}, nil
	}
	if e.Kind() == ast.CallKind {
		switch call := e.AsCall(); call.FunctionName() {
		case operators.Conditional:
			return l.choose(call.Args())
		case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo:
			return l.arithmetic(e, call.FunctionName(), call.Args())
		default:
			if p, ok := parts[call.FunctionName()]; ok && call.IsMemberFunction() && l.kind(call.Target()) == types.TimestampKind && l.uses(e).clock {
				return l.field(e, p)
			}
		}
	}
	if l.kind(e) != types.IntKind || l.uses(e).clock {
		return nil, l.refuse(e, `when this changes as time goes by cannot be told; write now.getHours(), getMinutes(), getDayOfWeek(), getDate(), getMonth() or getFullYear(), or compare sums and differences of now, answers and durations: now - responses.mfa < duration("60m")`)
	}
	p, err := l.program(e)
	return &choice{number: leafNumber{program: p, names: l.env.names}}, err
}

// literal is a number that nothing can change.
func (l *lowering) literal(e ast.Expr, v ref.Val) (*choice, error) {
	switch v := v.(type) {
	case types.Int:
		return &choice{number: literal(v)}, nil
	case types.Duration:
		if v.Duration >= -MaxLifetime && v.Duration <= MaxLifetime {
			return &choice{number: linear{c: int64(v.Duration)}}, nil
		}
		return nil, l.refuse(e, "%v is longer than ten years; write a shorter duration", v.Duration)
	case types.Timestamp:
		if !v.Before(minStamp) && v.Before(maxStamp) {
			return &choice{number: linear{c: v.UnixNano()}}, nil
		}
	}
	return nil, l.refuse(e, `write a time from 1970 to 2199, for example timestamp("2026-12-31T23:00:00Z")`)
}

func (l *lowering) choose(args []ast.Expr) (*choice, error) {
	cond, err := l.lower(args[0])
	if err != nil {
		return nil, err
	}
	yes, err := l.number(args[1])
	if err != nil {
		return nil, err
	}
	no, err := l.number(args[2])
	return &choice{cond: cond, yes: yes, no: no}, err
}

var arithmeticOps = map[string]byte{
	operators.Add: '+', operators.Subtract: '-', operators.Multiply: '*', operators.Divide: '/', operators.Modulo: '%',
}

func (l *lowering) arithmetic(e ast.Expr, op string, args []ast.Expr) (*choice, error) {
	if n, ok, err := l.minuteOfDay(e); ok || err != nil {
		return n, err
	}
	a, err := l.number(args[0])
	if err != nil {
		return nil, err
	}
	b, err := l.number(args[1])
	if err != nil {
		return nil, err
	}
	return a.with(b, func(a, b number) (number, error) {
		if l.size++; l.size > maxNodes {
			return nil, l.refuse(e, "the criterion is too large; split it into several conditions")
		}
		x, ok := a.(linear)
		if !ok {
			return arithmetic{op: arithmeticOps[op], a: a, b: b}, nil
		}
		sign := int64(1)
		if op == operators.Subtract {
			sign = -1
		}
		n, ok := x.plus(b.(linear), sign)
		if !ok {
			return nil, l.refuse(e, "this leaves the time that can be reckoned with; write shorter durations")
		}
		return n, nil
	})
}
