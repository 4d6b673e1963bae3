package policy

import (
	"math"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// truth is Kleene's. Its zero value is unknown, and unknown denies.
type truth int8

const (
	unknown truth = iota
	isFalse
	isTrue
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

func (t truth) not() truth {
	switch t {
	case isTrue:
		return isFalse
	case isFalse:
		return isTrue
	}
	return unknown
}

// forever is an instant that never comes, in Unix nanoseconds.
const forever = math.MaxInt64

// view is the claims as they would be if the interactions answered had been
// stamped at stamp.
type view struct {
	claims   *Claims
	answered KindSet
	stamp    int64
}

func (v view) response(k wire.InteractionKind) (int64, bool) {
	if v.answered != 0 && v.answered&setOf(k) != 0 {
		return v.stamp, true
	}
	return v.claims.stamp(k)
}

// node is an expression. eval yields its value at the instant at, and the
// instant until which that value is certain with these claims: at < until, and
// the value is the same throughout [at, until).
type node interface {
	eval(v view, at int64) (value truth, until int64)
}

type constant bool

func (n constant) eval(view, int64) (truth, int64) { return truthOf(bool(n)), forever }

// within is true until d after the stamp, which may lie ahead.
type within struct {
	kind wire.InteractionKind
	d    int64
	uses *uses
}

func (n within) eval(v view, at int64) (truth, int64) {
	stamp, ok := v.response(n.kind)
	if !ok {
		return unknown, forever
	}
	if end := stamp + n.d; at < end {
		return isTrue, end
	}
	return isFalse, forever
}

type flag struct {
	of   *variable
	uses *uses
}

func (n flag) eval(v view, _ int64) (truth, int64) {
	b, ok := v.claims.flag(n.of)
	if !ok {
		return unknown, forever
	}
	return truthOf(b), forever
}

type group struct {
	name string
	uses *uses
}

func (n group) eval(v view, _ int64) (truth, int64) {
	return truthOf(slices.Contains(v.claims.User.Groups, n.name)), forever
}

type equals struct {
	of    *variable
	value string
	not   bool
	uses  *uses
}

func (n equals) eval(v view, _ int64) (truth, int64) {
	s, ok := v.claims.text(n.of)
	if !ok {
		return unknown, forever
	}
	return truthOf((s == n.value) != n.not), forever
}

type not struct{ a node }

func (n not) eval(v view, at int64) (truth, int64) {
	t, until := n.a.eval(v, at)
	return t.not(), until
}

// junction is a && b, or a || b. What decides alone (false, or true) decides
// as long as any operand does; otherwise nothing is certain beyond the first
// change.
type junction struct {
	or   bool
	a, b node
}

func (n junction) eval(v view, at int64) (truth, int64) {
	decides := truthOf(n.or)
	x, xu := n.a.eval(v, at)
	y, yu := n.b.eval(v, at)
	switch {
	case x == decides && y == decides:
		return decides, max(xu, yu)
	case x == decides:
		return decides, xu
	case y == decides:
		return decides, yu
	case x == unknown || y == unknown:
		return unknown, min(xu, yu)
	}
	return decides.not(), min(xu, yu)
}
