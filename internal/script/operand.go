package script

import (
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// operand is the right side of an augmented assignment, which Starlark's own
// operators do not know and therefore ask for the result.
type operand struct {
	starlark.Value
	run *run
}

var _ starlark.HasBinary = (*operand)(nil)

// Binary is x op y, in place where the language wants it so: of lists and dicts.
func (y *operand) Binary(op syntax.Token, x starlark.Value, _ starlark.Side) (starlark.Value, error) {
	switch x := x.(type) {
	case *starlark.List:
		it, ok := y.Value.(starlark.Iterable)
		if op != syntax.PLUS || !ok {
			break
		}
		if err := y.run.elements(it, 1); err != nil {
			return nil, err
		}
		var more []starlark.Value // before it grows: it may be x itself
		for v := range starlark.Elements(it) {
			more = append(more, v)
		}
		for _, v := range more {
			if err := x.Append(v); err != nil {
				return nil, err
			}
		}
		return x, nil
	case *starlark.Dict:
		d, ok := y.Value.(*starlark.Dict)
		if op != syntax.PIPE || !ok {
			break
		}
		if err := y.run.weighKeys([]starlark.Value{d}); err != nil {
			return nil, err
		}
		for _, e := range d.Items() {
			if err := x.SetKey(e[0], e[1]); err != nil {
				return nil, err
			}
		}
		return x, nil
	}
	return y.run.operate(op, x, y.Value)
}
