package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// Warning is something in a configuration that works, and hardly as meant: where
// it stands, and what to write instead.
type Warning struct {
	File         string
	Line, Column int // from 1
	// Rule is which of the checks it is, in a word for scripts.
	Rule string
	Msg  string
}

// String is file:line:column: what is doubtful (rule).
func (w Warning) String() string {
	return fmt.Sprintf("%s:%d:%d: %s (%s)", w.File, w.Line, w.Column, w.Msg, w.Rule)
}

// linter looks for what is doubtful in a configuration without errors.
type linter struct {
	*Config
	now   time.Time
	found []Warning
	looks int                           // plans made for the condition at hand
	given []map[wire.EntitlementID]bool // what users may be given; nil: nobody has asked
}

// Lint returns what is doubtful in a configuration that Load made, in the order
// of its files; of what has been taken out of it since it says nothing. It looks ahead from now: what can never be again counts as what
// can never be.
func (c *Config) Lint(now time.Time) []Warning {
	l := &linter{Config: c, now: now}
	each(c, "Condition", (*linter).condition, l)
	each(c, "Entitlement", (*linter).entitlement, l)
	each(c, "Policy", (*linter).policy, l)
	each(c, "User", (*linter).user, l)
	each(c, "Group", (*linter).group, l)
	each(c, "Site", (*linter).site, l)
	each(c, "CriteriaScript", (*linter).script, l)
	each(c, "EntitlementScript", (*linter).script, l)
	each(c, "DeviceClaim", (*linter).deviceClaim, l)
	slices.SortStableFunc(l.found, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.found
}

func each(c *Config, kind string, look func(*linter, *resource.Document), l *linter) {
	for _, name := range slices.Sorted(maps.Keys(c.docs[kind])) {
		look(l, c.docs[kind][name])
	}
}

func (l *linter) warn(at resource.Place, rule, format string, args ...any) {
	l.found = append(l.found, Warning{File: at.File, Line: at.Line, Column: at.Column, Rule: rule, Msg: fmt.Sprintf(format, args...)})
}
