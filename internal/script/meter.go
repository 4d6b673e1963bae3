package script

import (
	"errors"
	"math/bits"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// predeclared is what a script finds beside the language's own: json and http,
// and, by names that it cannot write, the meter. All of it is stateless; the run
// hangs on the thread.
var predeclared starlark.StringDict

// offered says which names a script may write.
func offered(name string) bool { return predeclared.Has(name) && name[0] != '<' }

func init() {
	predeclared = starlark.StringDict{
		"json": &record{"json", starlark.StringDict{"decode": jsonDecode, "encode": jsonEncode}},
		"http": &record{"http", starlark.StringDict{"get": starlark.NewBuiltin("http.get", get), "post": starlark.NewBuiltin("http.post", post)}},
		nameCall: starlark.NewBuiltin(nameCall, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			return running(t).call(args[0], args[1:], kw)
		}),
		nameOperand: starlark.NewBuiltin(nameOperand, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return &operand{args[0], running(t)}, nil
		}),
		nameExpand: passing(nameExpand, func(r *run, v starlark.Value) error { return r.elements(v, 1) }),
		nameKey:    passing(nameKey, func(r *run, v starlark.Value) error { return r.weigh(false, v) }),
		nameSlice: passing(nameSlice, func(r *run, v starlark.Value) error {
			switch v := v.(type) {
			case starlark.String:
				return r.charge(text(len(v)))
			case starlark.Bytes:
				return r.charge(text(len(v)))
			case *starlark.List, starlark.Tuple:
				return r.elements(v, 1)
			}
			return nil
		}),
	}
	for _, op := range []syntax.Token{syntax.PLUS, syntax.MINUS, syntax.STAR, syntax.SLASH, syntax.SLASHSLASH, syntax.PERCENT,
		syntax.AMP, syntax.PIPE, syntax.CIRCUMFLEX, syntax.LTLT, syntax.GTGT, syntax.IN, syntax.NOT_IN,
		syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE} {
		name := operatorName(op)
		predeclared[name] = starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return running(t).operate(op, args[0], args[1])
		})
	}
	predeclared.Freeze()
}

// passing is a function that charges for its argument and returns it.
func passing(name string, cost func(*run, starlark.Value) error) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		if err := cost(running(t), args[0]); err != nil {
			return nil, err
		}
		return args[0], nil
	})
}

// left is how many steps the run may still take.
func (r *run) left() uint64 {
	if r.thread.Steps >= r.limits.Steps {
		return 0
	}
	return r.limits.Steps - r.thread.Steps
}

// charge takes n steps, or ends the run.
func (r *run) charge(n uint64) error {
	if n > r.left() {
		return r.overSteps()
	}
	r.thread.Steps += n
	return nil
}

// chargeTimes takes n*m steps.
func (r *run) chargeTimes(n, m uint64) error {
	high, product := bits.Mul64(n, m)
	if high != 0 {
		return r.overSteps()
	}
	return r.charge(product)
}

// weight is what all of vs weigh.
func (r *run) weight(expand bool, vs ...starlark.Value) (uint64, error) {
	s := scale{r.left(), expand}
	for _, v := range vs {
		if err := s.add(v, 0); err != nil {
			return 0, r.tooHeavy(err)
		}
	}
	return r.left() - s.left, nil
}

// weigh charges for all of vs.
func (r *run) weigh(expand bool, vs ...starlark.Value) error {
	n, err := r.weight(expand, vs...)
	if err != nil {
		return err
	}
	return r.charge(n)
}

// elements charges each for every element of v, whatever the elements are.
func (r *run) elements(v starlark.Value, each uint64) error {
	n, err := length(v, r.left())
	if err != nil {
		return r.tooHeavy(err)
	}
	return r.chargeTimes(n, each)
}

func (r *run) tooHeavy(err error) error {
	if errors.Is(err, errHeavy) {
		return r.overSteps()
	}
	return err
}

// operate is x op y, charged for.
func (r *run) operate(op syntax.Token, x, y starlark.Value) (starlark.Value, error) {
	if err := errors.Join(bounded(x), bounded(y)); err != nil {
		return nil, errLarge
	}
	switch op {
	case syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE:
		if err := r.chargeCompare(op, x, y); err != nil {
			return nil, err
		}
		ok, err := starlark.Compare(op, x, y)
		return starlark.Bool(ok), err
	}
	if err := r.chargeOperator(op, x, y); err != nil {
		return nil, err
	}
	z, err := starlark.Binary(op, x, y)
	if err != nil {
		return nil, err
	}
	return z, bounded(z)
}

// chargeCompare charges for what comparing x with y walks at most.
func (r *run) chargeCompare(op syntax.Token, x, y starlark.Value) error {
	if x.Type() != y.Type() {
		return nil
	}
	switch x := x.(type) {
	case starlark.String:
		return r.charge(text(min(len(x), len(y.(starlark.String)))))
	case starlark.Bytes:
		return r.charge(text(min(len(x), len(y.(starlark.Bytes)))))
	}
	if a, b := starlark.Len(x), starlark.Len(y); (op == syntax.EQL || op == syntax.NEQ) && a >= 0 && b >= 0 && a != b {
		return nil
	}
	return r.weigh(false, x, y)
}

func (r *run) chargeOperator(op syntax.Token, x, y starlark.Value) error {
	switch op {
	case syntax.IN, syntax.NOT_IN:
		switch y.(type) {
		case starlark.Mapping:
			return r.weigh(false, x)
		}
		return r.weigh(false, x, y)
	case syntax.PERCENT:
		if format, ok := x.(starlark.String); ok {
			return r.chargeFormat(string(format), "%", y)
		}
	case syntax.STAR:
		if n, ok := x.(starlark.Int); ok {
			return r.chargeRepeat(y, n)
		}
		if n, ok := y.(starlark.Int); ok {
			return r.chargeRepeat(x, n)
		}
	case syntax.PLUS:
		switch x.(type) {
		case *starlark.List, starlark.Tuple:
			if err := r.elements(x, 1); err != nil {
				return err
			}
			return r.elements(y, 1)
		case starlark.String, starlark.Bytes:
			return r.weigh(false, x, y)
		}
	case syntax.PIPE:
		for _, v := range []starlark.Value{x, y} {
			if err := r.weighKeys([]starlark.Value{v}); err != nil {
				return err
			}
		}
	default: // numbers, which weigh nothing
		return r.weigh(false, x, y)
	}
	return nil
}

// chargeRepeat charges for n times what is in v.
func (r *run) chargeRepeat(v starlark.Value, n starlark.Int) error {
	times, fits := n.Uint64()
	if n.Sign() <= 0 {
		return nil
	}
	size := uint64(0)
	switch v := v.(type) {
	case starlark.String:
		size = uint64(len(v))
	case starlark.Bytes:
		size = uint64(len(v))
	case *starlark.List:
		size = uint64(v.Len()) * textStep
	case starlark.Tuple:
		size = uint64(v.Len()) * textStep
	}
	if size == 0 {
		return nil
	}
	high, bytes := bits.Mul64(size, times)
	if !fits || high != 0 {
		return r.overSteps()
	}
	return r.charge(1 + bytes/textStep)
}

// chargeFormat charges for format with each of its marks become all of values.
func (r *run) chargeFormat(format, mark string, values ...starlark.Value) error {
	if err := r.charge(text(len(format))); err != nil {
		return err
	}
	n, err := r.weight(false, values...)
	if err != nil {
		return err
	}
	return r.chargeTimes(n, uint64(strings.Count(format, mark)))
}
