package policy

import (
	"math"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// linear is a timestamp or a duration: now times a small number, plus answers
// times small numbers, plus a constant, in nanoseconds. All that CEL can do
// with instants without leaving them is sums and differences of these, so that
// now - responses.mfa < duration("60m") is one linear form and its sign.
type linear struct {
	now      int64
	response [len(interactionKinds)]int64
	c        int64
	// reads are the answers it needs, also where their factor has become 0.
	reads KindSet
}

func (n linear) eval(v view, at int64) value {
	sum := n.c + n.now*at
	if n.reads != 0 {
		for i, k := range interactionKinds {
			if n.reads&(1<<i) == 0 {
				continue
			}
			stamp, ok := v.response(k)
			if !ok {
				return missing(forever)
			}
			sum += n.response[i] * stamp
		}
	}
	return value{n: sum, slope: n.now, quantum: 1, until: forever, known: true}
}

func answer(k wire.InteractionKind) linear {
	n := linear{reads: setOf(k)}
	for i, known := range interactionKinds {
		if known == k {
			n.response[i] = 1
		}
	}
	return n
}

// plus is n + sign·m. It is not ok if the sum could leave what 64 bits hold,
// which is where CEL reports an overflow.
func (n linear) plus(m linear, sign int64) (linear, bool) {
	n.now += sign * m.now
	for i := range n.response {
		n.response[i] += sign * m.response[i]
	}
	c := float64(n.c) + float64(sign)*float64(m.c)
	n.c += sign * m.c
	n.reads |= m.reads
	lo, hi := c, c
	for _, factor := range append(n.response[:], n.now) {
		reach := float64(factor) * float64(maxStamp.UnixNano())
		lo, hi = lo+min(reach, 0), hi+max(reach, 0)
	}
	const limit = math.MaxInt64 * 0.999
	return n, lo > -limit && hi < limit
}

// lifetime is the duration d if n < 0 says that an answer is younger than d.
func (n linear) lifetime() (time.Duration, bool) {
	answers := 0
	for _, factor := range n.response {
		if factor != 0 {
			answers++
		}
		if factor != 0 && factor != -n.now {
			return 0, false
		}
	}
	d := time.Duration(-n.c * n.now)
	return d, answers == 1 && (n.now == 1 || n.now == -1) && d > 0
}
