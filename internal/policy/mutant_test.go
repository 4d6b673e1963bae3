package policy

import (
	"math/rand/v2"
	"testing"
	"time"
)

// mutated is n with f applied to each of its nodes, the inner ones first.
func mutated(n node, f func(node) node) node {
	switch x := n.(type) {
	case not:
		n = not{a: mutated(x.a, f)}
	case junction:
		n = junction{or: x.or, a: mutated(x.a, f), b: mutated(x.b, f)}
	case conditional:
		n = conditional{cond: mutated(x.cond, f), a: mutated(x.a, f), b: mutated(x.b, f)}
	case same:
		n = same{not: x.not, a: mutated(x.a, f), b: mutated(x.b, f)}
	}
	return f(n)
}

// evaluate is a node that is wrong in some way.
type evaluate func(v view, at int64) (truth, int64)

func (f evaluate) eval(v view, at int64) (truth, int64) { return f(v, at) }

// fixed is the zone as it is at that instant, for ever.
func fixed(zone *time.Location, at int64) *time.Location {
	offset, _ := offsetAt(zone, at)
	return time.FixedZone("", int(offset/second))
}

// TestMutants shows that the comparison with cel-go notices mistakes.
func TestMutants(t *testing.T) {
	for _, row := range []struct {
		name   string
		mutant func(node) node
	}{
		{"a window outlasts its offset", func(n node) node {
			if n, ok := n.(during); ok {
				return evaluate(func(v view, at int64) (truth, int64) {
					n := n
					n.zone = fixed(n.zone, at)
					return n.eval(v, at)
				})
			}
			return n
		}},
		{"an hour outlasts its offset", func(n node) node {
			c, ok := n.(compare)
			f, also := c.a.(field)
			if !ok || !also {
				return n
			}
			return evaluate(func(v view, at int64) (truth, int64) {
				f := f
				f.zone = fixed(f.zone, at)
				return compare{rel: c.rel, not: c.not, a: f, b: c.b}.eval(v, at)
			})
		}},
		{"<= changes 1 ns late", func(n node) node {
			c, ok := n.(compare)
			if !ok || c.rel != lessOrEqual {
				return n
			}
			return evaluate(func(v view, at int64) (truth, int64) {
				value, until := c.eval(v, at)
				return value, after(until, 1)
			})
		}},
		{"a false && is certain until the first operand changes last", func(n node) node {
			j, ok := n.(junction)
			if !ok || j.or {
				return n
			}
			return evaluate(func(v view, at int64) (truth, int64) {
				value, _ := j.eval(v, at)
				_, x := j.a.eval(v, at)
				_, y := j.b.eval(v, at)
				return value, max(x, y)
			})
		}},
		{"a conditional forgets that its condition changes", func(n node) node {
			c, ok := n.(conditional)
			if !ok {
				return n
			}
			return evaluate(func(v view, at int64) (truth, int64) {
				value, until := c.eval(v, at)
				switch cond, _ := c.cond.eval(v, at); cond {
				case isTrue:
					_, until = c.a.eval(v, at)
				case isFalse:
					_, until = c.b.eval(v, at)
				}
				return value, until
			})
		}},
		{"a true || is certain until the last operand changes", func(n node) node {
			j, ok := n.(junction)
			if !ok || !j.or {
				return n
			}
			return evaluate(func(v view, at int64) (truth, int64) {
				value, _ := j.eval(v, at)
				_, x := j.a.eval(v, at)
				_, y := j.b.eval(v, at)
				return value, max(x, y)
			})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := &differ{r: rand.New(rand.NewPCG(5, 5)), depth: 1, mutate: row.mutant}
			if err := d.run(t, 100_000); err == nil {
				t.Fatalf("not noticed in %d checks", d.checks)
			}
			t.Logf("noticed after %d checks", d.checks)
		})
	}
}
