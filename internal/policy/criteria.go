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
	reads     KindSet
	lifetimes []time.Duration
	names     []string
	inputs    Inputs
}

// String is the text that was compiled.
func (c *Criteria) String() string { return c.source }

// Reads lists the interactions whose answers the criterion depends on.
func (c *Criteria) Reads() []wire.InteractionKind { return c.reads.Kinds() }

// Lifetimes lists how old an answer may be: the durations given to within, and
// those with which the age of one answer is compared, in the order of the text.
func (c *Criteria) Lifetimes() []time.Duration { return slices.Clone(c.lifetimes) }

// Names lists all that the criterion reads by their names in CEL, sorted: "now"
// where it depends on the clock, "risk", "device.firewall", "scripts.stock".
func (c *Criteria) Names() []string { return slices.Clone(c.names) }

// Inputs is Names as a mask.
func (c *Criteria) Inputs() Inputs { return c.inputs }

// Compile is CompileWith without declared variables.
func Compile(src string) (*Criteria, error) { return CompileWith(src, nil) }

// CompileWith checks a criterion and makes it ready to evaluate. Its error is
// always an *Error. The expression is CEL over the variables declared in vars
// and these names, and no others:
//
//	now                                                                      timestamp
//	responses.mfa  responses.password  responses.reason  responses.message   timestamp
//	risk                                                                     int
//	user.name  system.address                                                string
//	device.os_name  device.os_version  device.kernel  device.hostname        string
//	device.client_version                                                    string
//	device.firewall  device.disk_encryption  device.screen_lock              bool
//	device.admin                                                             bool
//	user.groups  device.addresses                                            list(string)
//
// with three functions of its own:
//
//	within(responses.mfa, duration("60m"))      answered less than so long ago
//	during("Mon-Fri", "08:30", "17:00")         from inclusive, to exclusive, in UTC
//	during("Sat,Sun", "10:00", "24:00", "Europe/Berlin")
//	inNetwork(system.address, "10.0.0.0/8")     IPv4 or IPv6
//
// What does not depend on the clock may be written in all of CEL, but for
// loops in loops, patterns and networks that are not literals and the order of
// text:
//
//	device.firewall     "finance" in user.groups     device.os_name == "linux"
//	risk < 50     device.hostname.matches("^desk-[0-9]+$")
//	user.groups.exists(g, g.startsWith("finance-"))
//	device.addresses.exists(a, inNetwork(a, "192.168.7.0/24"))
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
//
// A claim that is missing, of another type than declared, or an empty text is
// unknown.
func CompileWith(src string, vars []Variable) (*Criteria, error) {
	if len(src) > MaxSource {
		return nil, &Error{Line: 1, Column: 1, Msg: "the criterion is too long; split it into several conditions"}
	}
	env, err := shared.with(vars)
	if err != nil {
		return nil, &Error{Line: 1, Column: 1, Msg: err.Error()}
	}
	checked, err := env.check(src)
	if err != nil {
		return nil, err
	}
	l := lowering{ast: checked, env: env, c: &Criteria{source: src}}
	if err := l.networks(checked.Expr()); err != nil {
		return nil, err
	}
	if l.c.root, err = l.lower(checked.Expr()); err != nil {
		return nil, err
	}
	l.c.names = l.uses(checked.Expr()).names()
	for _, name := range l.c.names {
		l.c.inputs |= InputOf(name)
	}
	return l.c, nil
}
