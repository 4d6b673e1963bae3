package config

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

const (
	// foreseeable is how far ahead what can never hold is looked for: a year with
	// all of its days.
	foreseeable = 400 * 24 * time.Hour
	// maxLooks bounds the plans made for a condition, and maxClaims the sets of
	// claims; beyond them nothing is certain.
	maxLooks  = 4000
	maxClaims = 512
)

// ancient is an answer so old that it counts for nothing.
var ancient = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)

// impossible warns of criteria that are false at each instant for each set of
// claims. What is not told of a claim is left open, and what is false all the
// same is false whatever it be.
func (l *linter) impossible(d *resource.Document, c *Condition, t *terms) bool {
	contrary, err := policy.CompileWith("!("+c.Criteria+"\n)", policy.VariablesOf(c.Condition))
	if err != nil {
		return false // too long to be turned round
	}
	claims := l.claims(c, t, nil)
	if len(claims) == 0 || slices.ContainsFunc(claims, func(v *policy.Claims) bool { return !l.lasting(contrary, v, l.now.Add(foreseeable)) }) {
		return false
	}
	whom := "whatever is claimed"
	if l.readsUser(c) {
		whom = "for any user of this configuration, whatever is claimed"
	}
	l.warn(d.At("criteria"), "never-holds", "the criteria will not hold within a year %s; look for terms that contradict each other, or remove the condition and what it guards", whom)
	return true
}

// cures warns of interactions whose answers cannot make the criteria hold. With
// times of day nothing is certain, as it may depend on when the user answers.
func (l *linter) cures(d *resource.Document, c *Condition, t *terms) {
	contrary, err := policy.CompileWith("!("+c.Criteria+"\n)", policy.VariablesOf(c.Condition))
	if err != nil || t.absolute {
		return
	}
	fresh := l.now.Add(l.Settings.StampRounding.D())
	soon := fresh.Add(l.Settings.WarningLead.D()) // when an answer must have helped
	vain := func(answers map[wire.InteractionKind]time.Time) bool {
		claims := l.claims(c, t, answers)
		return len(claims) > 0 && !slices.ContainsFunc(claims, func(v *policy.Claims) bool { return !l.lasting(contrary, v, soon) })
	}
	listed := map[wire.InteractionKind]time.Time{}
	for i, in := range c.Interactions {
		listed[in.Kind] = fresh
		if vain(map[wire.InteractionKind]time.Time{in.Kind: fresh}) {
			l.warn(d.At("interactions", i), "vain-interaction", "once %s has been answered the criteria fail, so asking for it cannot help; turn the term round, or remove the interaction", in.Kind)
			return
		}
	}
	old := map[wire.InteractionKind]time.Time{} // what nobody asks for
	for _, k := range c.Compiled.Reads() {
		if _, ok := listed[k]; !ok && !l.asked(k) {
			old[k] = ancient
		}
	}
	if len(old) > 0 && vain(merged(old, listed)) {
		for _, k := range c.Compiled.Reads() {
			if _, ok := old[k]; ok {
				l.warn(d.At("criteria"), "never-asked", "the criteria need responses.%s, which no condition asks for; add - kind: %s to interactions", k, k)
				return
			}
		}
	}
	if !c.Any || len(c.Interactions) < 2 {
		return
	}
	for k := range listed {
		alone := map[wire.InteractionKind]time.Time{}
		for _, o := range c.Compiled.Reads() {
			if _, ok := listed[o]; ok || !l.asked(o) { // what another condition asks for may have been answered
				alone[o] = ancient
			}
		}
		alone[k] = fresh
		if !vain(alone) {
			return
		}
	}
	l.warn(d.At("require"), "one-of-several", "no interaction alone makes the criteria hold; write require: all, or join the terms with ||")
}

// asked says whether any condition asks for it.
func (l *linter) asked(k wire.InteractionKind) bool {
	for _, c := range l.Conditions {
		if slices.ContainsFunc(c.Interactions, func(i wire.Interaction) bool { return i.Kind == k }) {
			return true
		}
	}
	return false
}

func merged(a, b map[wire.InteractionKind]time.Time) map[wire.InteractionKind]time.Time {
	out := map[wire.InteractionKind]time.Time{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}

// lasting says whether criteria hold from now to an instant.
func (l *linter) lasting(criteria *policy.Criteria, claims *policy.Claims, until time.Time) bool {
	conds := []policy.Condition{{Criteria: criteria}}
	at := l.now
	for ; l.looks < maxLooks; l.looks++ {
		switch o := policy.Plan(conds, claims, at, policy.PlanOptions{}); {
		case !o.Allow:
			return false
		case o.FailAt.IsZero() || o.FailAt.After(until):
			return true
		default:
			at = o.FailAt
		}
	}
	return false
}

func (l *linter) readsUser(c *Condition) bool {
	return slices.ContainsFunc(c.Compiled.Names(), func(n string) bool { return strings.HasPrefix(n, "user.") })
}

// claims are sets of claims of which one is as good as any that can be, or none
// where there would be too many.
func (l *linter) claims(c *Condition, t *terms, answers map[wire.InteractionKind]time.Time) []*policy.Claims {
	all := []*policy.Claims{{Responses: answers}}
	if l.readsUser(c) {
		all = nil
		for _, name := range sortedUsers(l.Users) {
			if u := l.Users[name]; !u.Disabled {
				all = append(all, &policy.Claims{User: u.claims(), Responses: answers})
			}
		}
	}
	for _, name := range c.Compiled.Names() {
		values, ok := t.values[name]
		if !ok || len(values) == 0 || len(all)*len(values) > maxClaims {
			continue // it is left open
		}
		var more []*policy.Claims
		for _, claims := range all {
			for _, v := range values {
				more = append(more, with(claims, name, v))
			}
		}
		all = more
	}
	if len(all) > maxClaims {
		return nil
	}
	return all
}

// with is claims and one more, if it is one that devices, scripts or risk yield.
func with(c *policy.Claims, name string, value any) *policy.Claims {
	out := *c
	origin, id, _ := strings.Cut(name, ".")
	put := func(m map[string]any) map[string]any {
		n := map[string]any{id: value}
		for k, v := range m {
			n[k] = v
		}
		return n
	}
	switch origin {
	case "device":
		out.Device = put(c.Device)
	case "scripts":
		out.Scripts = put(c.Scripts)
	case "risk":
		if level, ok := value.(int64); ok {
			out.Risk = &level
		}
	}
	return &out
}
