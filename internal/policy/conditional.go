package policy

// conditional is cond ? a : b. While cond is unknown, so is it.
type conditional struct{ cond, a, b node }

func (n conditional) eval(v view, at int64) (truth, int64) {
	c, until := n.cond.eval(v, at)
	if c == unknown {
		return unknown, until
	}
	branch := n.a
	if c == isFalse {
		branch = n.b
	}
	t, u := branch.eval(v, at)
	return t, min(until, u)
}

// same is a == b, or a != b, of booleans.
type same struct {
	not  bool
	a, b node
}

func (n same) eval(v view, at int64) (truth, int64) {
	x, xu := n.a.eval(v, at)
	y, yu := n.b.eval(v, at)
	switch {
	case x == unknown && y == unknown:
		return unknown, max(xu, yu)
	case x == unknown:
		return unknown, xu
	case y == unknown:
		return unknown, yu
	}
	return truthOf((x == y) != n.not), min(xu, yu)
}
