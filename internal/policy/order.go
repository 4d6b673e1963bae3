package policy

// relation is how two numbers are compared.
type relation int8

const (
	less relation = iota
	lessOrEqual
	equal
)

// compare is a rel b, or its contrary. It is certain until the numbers cross,
// to the nanosecond, or until either of them is certain no longer.
type compare struct {
	rel  relation
	not  bool
	a, b number
	uses *uses
}

func (n compare) eval(v view, at int64) (truth, int64) {
	t, until := order(n.rel, n.a.eval(v, at), n.b.eval(v, at), at)
	if n.not {
		t = t.not()
	}
	return t, until
}

// order is x rel y.
func order(rel relation, x, y value, at int64) (truth, int64) {
	switch {
	case !x.known && !y.known:
		return unknown, max(x.until, y.until)
	case !x.known:
		return unknown, x.until
	case !y.known:
		return unknown, y.until
	}
	until := min(x.until, y.until)
	if x.slope != 0 && y.slope != 0 && (x.quantum != 1 || y.quantum != 1) {
		x, y = x.held(at), y.held(at)
		until = min(x.until, y.until)
	}
	var t truth
	var d int64
	switch {
	case x.quantum == 1 && y.quantum == 1:
		t, d = crossing(rel, x.n-y.n, x.slope-y.slope)
	case x.quantum != 1:
		t, d = ticking(rel, x, floor(y.n, y.quantum))
	case rel == equal:
		t, d = ticking(equal, y, floor(x.n, x.quantum))
	default: // c < y is !(y <= c), and c <= y is !(y < c)
		t, d = ticking(lessOrEqual-rel, y, floor(x.n, x.quantum))
		t = t.not()
	}
	return t, min(until, after(at, d))
}

// crossing is d rel 0 where d moves by slope each nanosecond, and for how many
// nanoseconds that stands.
func crossing(rel relation, d, slope int64) (truth, int64) {
	speed := max(slope, -slope)
	if slope > 0 { // seen from the other side it falls
		switch rel {
		case less:
			t, stands := crossing(lessOrEqual, -d, -slope)
			return t.not(), stands
		case lessOrEqual:
			t, stands := crossing(less, -d, -slope)
			return t.not(), stands
		}
		d = -d
	}
	switch rel {
	case less:
		if d < 0 || speed == 0 {
			return truthOf(d < 0), forever
		}
		return isFalse, floor(d, speed) + 1
	case lessOrEqual:
		if d <= 0 || speed == 0 {
			return truthOf(d <= 0), forever
		}
		return isFalse, ceil(d, speed)
	}
	switch {
	case speed == 0 || d < 0:
		return truthOf(d == 0), forever
	case d == 0:
		return isTrue, 1
	}
	return isFalse, ceil(d, speed)
}

// ticking is x rel c for an x that rises in steps, and for how many
// nanoseconds that stands: floor(n/q) < c exactly when n < c·q.
func ticking(rel relation, x value, c int64) (truth, int64) {
	switch rel {
	case less:
		return rising(x, edge(c, x.quantum))
	case lessOrEqual:
		return rising(x, edge(min(c, forever-1)+1, x.quantum))
	}
	below, until := rising(x, edge(c, x.quantum))
	if below == isTrue {
		return isFalse, until
	}
	return rising(x, edge(min(c, forever-1)+1, x.quantum))
}

// rising is x.n < limit.
func rising(x value, limit int64) (truth, int64) {
	if x.slope == 0 || x.n >= limit {
		return truthOf(x.n < limit), forever
	}
	return isTrue, limit - x.n
}

// edge is c·q, or something that no value in steps reaches (see reach).
func edge(c, q int64) int64 {
	if c > 2*reach/q {
		return 2 * reach
	}
	if c < -2*reach/q {
		return -2 * reach
	}
	return c * q
}

// member is whether a whole number is among others.
type member struct {
	a    number
	of   []int64
	uses *uses
}

func (n member) eval(v view, at int64) (truth, int64) {
	x := n.a.eval(v, at)
	if !x.known {
		return unknown, x.until
	}
	x = x.held(at)
	for _, y := range n.of {
		if x.n == y {
			return isTrue, x.until
		}
	}
	return isFalse, x.until
}
