package policy

// value is a number at one instant together with how it goes on: for every
// instant t in [at, until), while the claims stay as they are, it is
//
//	floor((n + slope·(t - at)) / quantum)
//
// A timestamp or a duration is in nanoseconds with quantum 1; now has slope 1,
// and so has now - responses.mfa. An hour of the day is the nanoseconds since
// midnight with slope 1 and a quantum of an hour, until midnight or the end of
// the zone's offset. What does not move with time has
// slope 0 and quantum 1. A value that is
// not known (a claim is missing, a division by zero) is unknown until until.
//
// Sums of instants are formed before anything is evaluated (linear); those of
// whole numbers keep their slope where they can, and are otherwise held: the
// same number until the next tick, which is exact and costs a step for each.
type value struct {
	n, slope, quantum int64
	until             int64
	known             bool
}

// number is an expression with a value. at < eval(v, at).until.
type number interface {
	eval(v view, at int64) value
}

// whole is a number that does not move before until.
func whole(n, until int64) value { return value{n: n, quantum: 1, until: until, known: true} }

// missing is a number that nobody knows.
func missing(until int64) value { return value{until: until} }

// held is x as a number that does not move, until its next tick. x is no
// moving instant: that would tick each nanosecond.
func (x value) held(at int64) value {
	n := floor(x.n, x.quantum)
	if x.slope == 0 {
		return whole(n, x.until)
	}
	return whole(n, min(x.until, after(at, (n+1)*x.quantum-x.n)))
}

// after is the instant d nanoseconds after at; what lies beyond the last
// instant never comes.
func after(at, d int64) int64 {
	if d > forever-at {
		return forever
	}
	return at + d
}

// floor and ceil divide by a positive b.
func floor(a, b int64) int64 { return (a - mod(a, b)) / b }
func ceil(a, b int64) int64  { return -floor(-a, b) }

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// literal is a whole number as written.
type literal int64

func (n literal) eval(view, int64) value { return whole(int64(n), forever) }

// claimed is a claim that is a whole number.
type claimed struct{ of *variable }

func (n claimed) eval(v view, _ int64) value {
	x, ok := v.claims.number(n.of)
	if !ok {
		return missing(forever)
	}
	return whole(x, forever)
}
