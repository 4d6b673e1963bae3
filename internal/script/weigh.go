package script

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
)

const (
	// maxBits is the size of the largest integer.
	maxBits = 4096
	// maxDepth is how deep a value may be nested that is printed, encoded,
	// compared or hashed.
	maxDepth = 100
	// textStep is how many bytes of text a step is worth.
	textStep = 16
)

var (
	errLarge = fmt.Errorf("the integer has more than %d bits", maxBits)
	errDeep  = fmt.Errorf("the value is nested more than %d deep, or contains itself", maxDepth)
	// errHeavy is for whoever charges: the value weighs more than the steps left.
	errHeavy = errors.New("too heavy")
)

// text is what n bytes of text weigh.
func text(n int) uint64 { return 1 + uint64(n)/textStep }

// length is the number of elements that iterating over v yields, at most most:
// strings' bytes and the like too, of which some do not know theirs.
func length(v starlark.Value, most uint64) (uint64, error) {
	n := uint64(0)
	if known := starlark.Len(v); known >= 0 {
		n = uint64(known)
	} else if it, ok := v.(starlark.Iterable); ok {
		for range starlark.Elements(it) {
			if n++; n > most {
				break
			}
		}
	}
	if n > most {
		return 0, errHeavy
	}
	return n, nil
}

// scale weighs values by all that can be reached from them, each time that it
// can be reached, since whatever walks a value walks shared parts again.
type scale struct {
	left uint64 // steps
	// expand counts the elements of ranges and the like, for what makes them real.
	expand bool
}

func (s *scale) take(n uint64) error {
	if n > s.left {
		return errHeavy
	}
	s.left -= n
	return nil
}

// add puts v on the scale.
func (s *scale) add(v starlark.Value, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	if err := s.take(1); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil, starlark.NoneType, starlark.Bool, starlark.Float:
	case starlark.Int:
		return bounded(v)
	case starlark.String:
		return s.take(uint64(len(v)) / textStep)
	case starlark.Bytes:
		return s.take(uint64(len(v)) / textStep)
	case starlark.IterableMapping:
		for k, e := range starlark.Entries(v) {
			if err := s.add(k, depth+1); err != nil {
				return err
			}
			if err := s.add(e, depth+1); err != nil {
				return err
			}
		}
	case *record:
		for _, e := range v.fields {
			if err := s.add(e, depth+1); err != nil {
				return err
			}
		}
	case starlark.Tuple, *starlark.List, *starlark.Set:
		for e := range starlark.Elements(v.(starlark.Iterable)) {
			if err := s.add(e, depth+1); err != nil {
				return err
			}
		}
	case starlark.Iterable:
		if !s.expand {
			return nil
		}
		n, err := length(v, s.left)
		if err != nil {
			return err
		}
		return s.take(n)
	}
	return nil
}

// bounded is an error if v is an integer too large to reckon with.
func bounded(v starlark.Value) error {
	i, ok := v.(starlark.Int)
	if !ok {
		return nil
	}
	if _, small := i.Int64(); small || i.BigInt().BitLen() <= maxBits {
		return nil
	}
	return errLarge
}
