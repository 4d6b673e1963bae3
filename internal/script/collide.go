package script

import "go.starlark.net/starlark"

// collisions is how many comparisons of colliding keys a step is worth.
const collisions = 64

// chargeKeys charges for putting the keys of v, which is a mapping or a sequence
// of pairs, into a dict at one go. Numbers that differ by a multiple of 1<<32
// share a hash, and a dict compares each with all before it; the hashes of
// strings are random.
func (r *run) chargeKeys(v starlark.Value) error {
	n := uint64(0)
	switch v := v.(type) {
	case starlark.IterableMapping:
		for k := range starlark.Entries(v) {
			n += collides(k)
		}
	case starlark.Iterable: // weighed before, so not endless
		for pair := range starlark.Elements(v) {
			if p, ok := pair.(starlark.Indexable); ok && p.Len() > 0 {
				n += collides(p.Index(0))
			}
		}
	}
	return r.charge(n * n / collisions)
}

// weighKeys charges for making a dict of the given.
func (r *run) weighKeys(given []starlark.Value) error {
	if err := r.weigh(true, given...); err != nil || len(given) == 0 {
		return err
	}
	return r.chargeKeys(given[0])
}

func collides(key starlark.Value) uint64 {
	if _, ok := key.(starlark.String); ok {
		return 0
	}
	return 1
}
