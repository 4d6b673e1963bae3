package policy

import (
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// field is a part of a moving instant in a zone.
func (l *lowering) field(e ast.Expr, p part) (*choice, error) {
	call := e.AsCall()
	n := field{part: p, zone: time.UTC}
	if args := call.Args(); len(args) == 1 {
		name, err := l.text(args[0], "the zone")
		if err != nil {
			return nil, err
		}
		if n.zone, err = l.zone(args[0], name); err != nil {
			return nil, err
		}
	}
	of, err := l.number(call.Target())
	if err != nil {
		return nil, err
	}
	return of.with(&choice{number: linear{}}, func(a, _ number) (number, error) {
		n := n
		n.of = a.(linear)
		if n.of.now != 0 && n.of.now != 1 {
			return nil, l.refuse(e, "this time does not run as the clock does; write now.getHours() or (now - duration(\"4h\")).getHours()")
		}
		return n, nil
	})
}

// minuteOfDay is t.getHours(zone) * 60 + t.getMinutes(zone), its terms and
// factors in any order. It is one field: as two, it would have to be looked at
// each minute.
func (l *lowering) minuteOfDay(e ast.Expr) (*choice, bool, error) {
	args, ok := l.called(e, operators.Add)
	if !ok {
		return nil, false, nil
	}
	for i := range args {
		h, ok := l.called(args[i], operators.Multiply)
		if !ok {
			continue
		}
		for j := range h {
			if l.fold(h[1-j]) != ref.Val(types.Int(60)) || !l.sameClock(h[j], args[1-i]) {
				continue
			}
			n, err := l.field(h[j], minuteOfDay)
			return n, err == nil, err
		}
	}
	return nil, false, nil
}

// called are the arguments of e if it is a call of op.
func (l *lowering) called(e ast.Expr, op string) ([]ast.Expr, bool) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != op {
		return nil, false
	}
	return e.AsCall().Args(), true
}

// sameClock is whether they are now.getHours(zone) and now.getMinutes(zone),
// the zone being the same.
func (l *lowering) sameClock(h, m ast.Expr) bool {
	ha, ok := l.called(h, "getHours")
	ma, also := l.called(m, "getMinutes")
	if !ok || !also || len(ha) != len(ma) || l.name(h.AsCall().Target()) != "now" || l.name(m.AsCall().Target()) != "now" {
		return false
	}
	if len(ha) == 0 {
		return true
	}
	z, errH := l.text(ha[0], "")
	other, errM := l.text(ma[0], "")
	return errH == nil && errM == nil && z == other
}
