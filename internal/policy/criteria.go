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

// Lifetimes lists the durations given to within, in the order of the text.
func (c *Criteria) Lifetimes() []time.Duration { return slices.Clone(c.lifetimes) }

// Compile checks a criterion and makes it ready to evaluate. Its error is
// always an *Error. The expression is CEL over these names, and no others:
//
//	responses.mfa  responses.password  responses.reason  responses.message   timestamp
//	user.name  system.address                                                string
//	device.os_name  device.os_version  device.hostname                       string
//	device.firewall  device.disk_encryption                                  bool
//	user.groups                                                              list(string)
//
// in these forms:
//
//	within(responses.mfa, duration("60m"))      answered less than so long ago
//	during("Mon-Fri", "08:30", "17:00")         from inclusive, to exclusive, in UTC
//	during("Sat,Sun", "10:00", "24:00", "Europe/Berlin")
//	device.firewall     "finance" in user.groups     device.os_name == "linux"
//	true   false   !a   a && b   a || b
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
