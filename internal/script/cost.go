package script

import (
	"math/bits"
	"strings"

	"go.starlark.net/starlark"
)

// compares is how often sorting compares one key, about.
const compares = 16

// call is fn(args, kw), charged for if the language's own or ours.
func (r *run) call(fn starlark.Value, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	b, ok := fn.(*starlark.Builtin)
	if !ok {
		return starlark.Call(r.thread, fn, args, kw)
	}
	for _, pair := range kw {
		if f, ok := pair[1].(starlark.Callable); ok { // key=, of sorted, max and min
			pair[1] = starlark.NewBuiltin(f.Name(), func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
				v, err := r.call(f, args, kw)
				if err != nil {
					return nil, err
				}
				n, err := r.weight(false, v)
				if err != nil {
					return nil, err
				}
				return v, r.chargeTimes(n, compares)
			})
		}
	}
	if err := r.chargeBuiltin(b, args, kw); err != nil {
		return nil, err
	}
	v, err := starlark.Call(r.thread, b, args, kw)
	if err != nil {
		return nil, err
	}
	return v, bounded(v)
}

// chargeBuiltin charges for what b will do at most. What is not known here is
// charged for all that b is given.
func (r *run) chargeBuiltin(b *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) error {
	given := make([]starlark.Value, 0, len(args)+len(kw))
	given = append(given, args...)
	for _, pair := range kw {
		given = append(given, pair[1])
	}
	switch recv := b.Receiver().(type) {
	case nil:
		return r.chargeFunction(b.Name(), given)
	case starlark.String:
		return r.chargeText(b.Name(), string(recv), given)
	case *starlark.List:
		switch b.Name() {
		case "append":
			return nil
		case "clear", "insert", "pop": // by memmove
			return r.charge(1 + uint64(recv.Len())/textStep)
		case "extend":
			return r.each(given, 1)
		}
	case *starlark.Dict:
		switch b.Name() {
		case "get", "pop", "setdefault":
			return r.weigh(false, given[:min(1, len(given))]...)
		case "popitem":
			return nil
		case "clear", "items", "keys", "values":
			return r.elements(recv, 3)
		case "update":
			return r.weighKeys(given)
		}
	}
	return r.weigh(true, append(given, b.Receiver())...)
}

// each charges each for every element of the given.
func (r *run) each(given []starlark.Value, each uint64) error {
	for _, v := range given {
		if err := r.elements(v, each); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) chargeFunction(name string, given []starlark.Value) error {
	switch name {
	case "bool", "chr", "dir", "getattr", "hasattr", "len", "range", "type":
		return nil
	case "all", "any", "list", "reversed", "tuple":
		return r.each(given, 1)
	case "enumerate":
		return r.each(given[:min(1, len(given))], 4)
	case "zip":
		return r.chargeZip(given)
	case "sorted":
		n, err := r.weight(true, given...)
		if err != nil {
			return err
		}
		return r.chargeTimes(n, uint64(bits.Len64(n)))
	case "fail", "print": // with one of them between the others
		n, err := r.weight(false, given...)
		if err != nil {
			return err
		}
		return r.chargeTimes(n, uint64(len(given)))
	case "dict":
		return r.weighKeys(given)
	case "repr", "str":
		return r.weigh(false, given...)
	case jsonDecode.Name():
		return r.chargeDecode(given)
	}
	return r.weigh(true, given...)
}

// chargeZip charges for the rows, which are as many as the shortest has.
func (r *run) chargeZip(given []starlark.Value) error {
	rows := ^uint64(0)
	for _, v := range given {
		if known := starlark.Len(v); known >= 0 {
			rows = min(rows, uint64(known))
			continue
		}
		n, err := length(v, r.left())
		if err != nil {
			return r.tooHeavy(err)
		}
		rows = min(rows, n)
	}
	if len(given) == 0 {
		return nil
	}
	return r.chargeTimes(rows, 2+uint64(len(given)))
}

// chargeText charges for the method name of s.
func (r *run) chargeText(name, s string, given []starlark.Value) error {
	arg := func(i int) (string, bool) {
		if i >= len(given) {
			return "", false
		}
		return starlark.AsString(given[i])
	}
	if err := r.charge(text(len(s))); err != nil {
		return err
	}
	switch name {
	case "format":
		return r.chargeFormat(s, "{", given...)
	case "join":
		if err := r.weigh(true, given...); err != nil || len(given) == 0 {
			return err
		}
		n, err := length(given[0], r.left())
		if err != nil {
			return r.tooHeavy(err)
		}
		return r.chargeTimes(n, text(len(s)))
	case "replace":
		old, _ := arg(0)
		if by, ok := arg(1); ok {
			return r.chargeTimes(uint64(strings.Count(s, old)), text(len(by)))
		}
	case "rsplit", "split":
		if sep, ok := arg(0); ok && sep != "" {
			return r.charge(4 * uint64(strings.Count(s, sep)))
		}
		return r.charge(uint64(len(s))) // at every other byte
	case "splitlines":
		return r.charge(4 * uint64(strings.Count(s, "\n")))
	case "lstrip", "rstrip", "strip":
		chars, _ := arg(0)
		return r.chargeTimes(text(len(s)), text(len(chars)))
	}
	return r.weigh(true, given...)
}
