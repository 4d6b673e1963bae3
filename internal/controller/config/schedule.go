package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// quartersUpTo is the longest lifetime of an answer for which the quarters are
// the better schedule; beyond it the hour is (seed 003).
const quartersUpTo = 6 * time.Hour

func (l *linter) condition(d *resource.Document) {
	c := l.Conditions[wire.ConditionID(d.Name)]
	if c == nil || c.Compiled == nil {
		return
	}
	l.looks = 0
	terms, err := readTerms(c)
	if err != nil {
		return // it compiled, and yet cannot be parsed: nothing is certain
	}
	l.schedule(d, c, terms)
	for _, t := range c.Compiled.Lifetimes() {
		if least := l.Settings.WarningLead.D() + l.MinInteractionLifetime; t < least {
			l.warn(d.At("criteria"), "short-lifetime", "an answer lives %v, of which %v are left when the next prompt comes; write at least %v", t, l.Settings.WarningLead, least)
		}
	}
	if !l.impossible(d, c, terms) {
		l.cures(d, c, terms)
	}
	used := func(e *Entitlement) bool {
		return slices.ContainsFunc(e.Conditions, func(o wire.Condition) bool { return o.ID == c.ID })
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(l.Entitlements)), used) {
		l.warn(d.AtName(), "unused", "no entitlement has the condition %s; write it under conditions of one, or remove it", d.Name)
	}
}

// schedule says what of a condition's reevaluation times is against the manual's
// advice, and what the engine, which knows by itself when a verdict changes,
// does not need.
func (l *linter) schedule(d *resource.Document, c *Condition, terms *terms) {
	scripts := l.scriptsOf(c)
	every, written := c.Reevaluate.Every.D(), d.Has("reevaluate", "every")
	at := d.At("reevaluate", "every")
	switch lives := c.Compiled.Lifetimes(); {
	case len(scripts) > 0 || l.guardsScript(c): // what they yield is asked for at these times
		l.refreshed(d, c, scripts)
		if written && every == 0 && len(c.Reevaluate.At) == 0 && !terms.risk {
			l.warn(at, "zero", "0 means none, which is the default; remove it")
		}
		return
	case !written:
	case every == 0 && len(c.Reevaluate.At) == 0 && !terms.risk:
		l.warn(at, "zero", "0 means none, which is the default; remove it")
	case every == 0:
	case terms.absolute:
		l.warn(at, "absolute-time", "a time of day is no reason to judge every %s: access changes at that very instant without; remove it, or write at: with the time", short(every))
	case every == 5*time.Minute:
		l.warn(at, "five-minutes", "12 times per hour is for criteria that read scripts, and these read none; remove it, or write 15m")
	case len(lives) > 0 && every == time.Hour && slices.Min(lives) <= quartersUpTo:
		l.warn(at, "quarters", "an answer lives %s, and answers are stamped on the quarters, so up to %s they are the better schedule; remove it, or write 15m", short(slices.Min(lives)), short(quartersUpTo))
	case len(lives) > 0 && every == 15*time.Minute && slices.Min(lives) > quartersUpTo:
		l.warn(at, "hour", "an answer lives %s, and beyond %s the hour is enough; remove it, or write 1h", short(slices.Min(lives)), short(quartersUpTo))
	default:
		l.warn(at, "unneeded", "the criteria read no script, so the instant at which they change is known without; remove it")
	}
	if len(c.Reevaluate.At) > 0 {
		l.warn(d.At("reevaluate", "at"), "unneeded", "the criteria read no script, so the instant at which they change is known without; remove it")
	}
}

// scriptsOf are the scripts that a condition's criteria read.
func (l *linter) scriptsOf(c *Condition) []wire.Script {
	var read []wire.Script
	for _, s := range l.Scripts {
		if _, ok := c.Variables["scripts."+wire.Variable(s.Name)]; ok && s.Kind == wire.ScriptCriteria {
			read = append(read, s)
		}
	}
	return read
}

// guardsScript says whether a condition guards hosts that a script yields.
func (l *linter) guardsScript(c *Condition) bool {
	for _, e := range l.Entitlements {
		if slices.ContainsFunc(e.Conditions, func(o wire.Condition) bool { return o.ID == c.ID }) &&
			slices.ContainsFunc(e.Actions, func(a wire.Action) bool { return a.Script != "" }) {
			return true
		}
	}
	return false
}

func (l *linter) refreshed(d *resource.Document, c *Condition, scripts []wire.Script) {
	if c.Reevaluate.Every > 0 || len(c.Reevaluate.At) > 0 {
		return
	}
	for _, s := range scripts {
		if s.Refresh == 0 {
			l.warn(d.At("criteria"), "stale-script", "the value of the script %s is never refreshed; write refresh: 5m in the script, or every: 15m under reevaluate here", s.Name)
		}
	}
}

// short is d without its empty minutes and seconds.
func short(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "m0s") + map[bool]string{true: "m"}[strings.HasSuffix(s, "m0s")]
	return strings.TrimSuffix(s, "h0m") + map[bool]string{true: "h"}[strings.HasSuffix(s, "h0m")]
}
