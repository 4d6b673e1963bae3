package policy

import "math/bits"

// reach is how large, in nanoseconds, a number in steps may become and still
// be kept with its slope.
const reach = int64(1) << 61

// arithmetic is a op b on whole numbers. As in CEL, an overflow and a division
// by zero are no number.
type arithmetic struct {
	op   byte // one of + - * / %
	a, b number
}

func (n arithmetic) eval(v view, at int64) value {
	x, y := n.a.eval(v, at), n.b.eval(v, at)
	switch {
	case !x.known:
		return missing(x.until)
	case !y.known:
		return missing(y.until)
	}
	if z, ok := n.shift(x, y); ok {
		return z
	}
	x, y = x.held(at), y.held(at)
	until := min(x.until, y.until)
	if z, ok := n.apply(x.n, y.n); ok {
		return whole(z, until)
	}
	return missing(until)
}

// shift is x ± y where only one of them moves and goes on moving upwards: the
// other is so many of its steps.
func (n arithmetic) shift(x, y value) (value, bool) {
	if n.op == '+' && x.slope == 0 {
		x, y = y, x
	}
	if n.op != '+' && n.op != '-' || x.slope == 0 || y.slope != 0 {
		return value{}, false
	}
	c := floor(y.n, y.quantum)
	if limit := reach / x.quantum; c > limit || c < -limit {
		return value{}, false
	}
	if n.op == '-' {
		c = -c
	}
	x.n += c * x.quantum
	x.until = min(x.until, y.until)
	return x, x.n < reach && x.n > -reach
}

func (n arithmetic) apply(x, y int64) (int64, bool) {
	switch n.op {
	case '+':
		z := x + y
		return z, (z > x) == (y > 0)
	case '-':
		z := x - y
		return z, (z < x) == (y > 0)
	case '*':
		hi, lo := bits.Mul64(uint64(x), uint64(y))
		if x < 0 {
			hi -= uint64(y)
		}
		if y < 0 {
			hi -= uint64(x)
		}
		return int64(lo), int64(hi) == int64(lo)>>63
	}
	if y == 0 || y == -1 && x == -x && x != 0 {
		return 0, false
	}
	if n.op == '/' {
		return x / y, true
	}
	return x % y, true
}
