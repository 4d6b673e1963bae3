package policy

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// MaxSource is the length in bytes of the longest criterion.
const MaxSource = 4096

// MaxLifetime is the longest duration that within takes.
const MaxLifetime = 10 * 365 * 24 * time.Hour

// Criteria is a compiled criterion. It is immutable.
type Criteria struct {
	source    string
	root      node
	reads     kindSet
	lifetimes []time.Duration
}

// String is the text that was compiled.
func (c *Criteria) String() string { return c.source }

// Reads lists the interactions whose answers the criterion depends on.
func (c *Criteria) Reads() []wire.InteractionKind { return c.reads.kinds() }

// Lifetimes lists how old an answer may be: the durations given to within, and
// those with which the age of one answer is compared, in the order of the text.
func (c *Criteria) Lifetimes() []time.Duration { return slices.Clone(c.lifetimes) }

// Compile checks a criterion and makes it ready to evaluate. Its error is
// always an *Error. The expression is CEL over these names, and no others:
//
//	now                                                                      timestamp
//	responses.mfa  responses.password  responses.reason  responses.message   timestamp
//	risk                                                                     int
//	user.name  system.address                                                string
//	device.os_name  device.os_version  device.hostname                       string
//	device.firewall  device.disk_encryption                                  bool
//	user.groups                                                              list(string)
//
// with two functions of its own:
//
//	within(responses.mfa, duration("60m"))      answered less than so long ago
//	during("Mon-Fri", "08:30", "17:00")         from inclusive, to exclusive, in UTC
//	during("Sat,Sun", "10:00", "24:00", "Europe/Berlin")
//
// What does not depend on the clock may be written in all of CEL, but for
// loops in loops, patterns that are not literals and the order of text:
//
//	device.firewall     "finance" in user.groups     device.os_name == "linux"
//	risk < 50     device.hostname.matches("^desk-[0-9]+$")
//	user.groups.exists(g, g.startsWith("finance-"))
//
// What does is one of these, and anything else is refused, as nobody could
// tell when its value changes:
//
//	now - responses.mfa < duration("60m")       sums and differences, compared
//	now < timestamp("2026-12-31T23:00:00Z")
//	now.getHours("Europe/Berlin") >= 8          getMinutes, getDayOfWeek, getDate, getDayOfMonth,
//	                                            getDayOfYear, getMonth, getFullYear; arithmetic on them
//	now.getHours() * 60 + now.getMinutes() < 17 * 60 + 30
//	now.getDayOfWeek() in [1, 2, 3, 4, 5]
//	now - responses.mfa < ("staff" in user.groups ? duration("8h") : duration("1h"))
//
// and everything joins with true, false, !a, a && b, a || b, a ? b : c, a == b.
func Compile(src string) (*Criteria, error) {
	if len(src) > MaxSource {
		return nil, &Error{Line: 1, Column: 1, Msg: "the criterion is too long; split it into several conditions"}
	}
	checked, err := check(src)
	if err != nil {
		return nil, err
	}
	l := lowering{ast: checked, c: &Criteria{source: src}}
	if l.c.root, err = l.lower(checked.Expr()); err != nil {
		return nil, err
	}
	return l.c, nil
}
