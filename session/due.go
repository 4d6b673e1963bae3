package session

import (
	"maps"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// due is a warning that the user was given: a verdict that lapses, or has
// lapsed, unless it is answered. It stands until the gateway says otherwise.
type due struct {
	verdict wire.Verdict
	since   time.Time // when the user was first told
	end     time.Time // when access lapses, by our clock
}

// ask is a cure that was put before the user: a connection waits for it, or the
// user wants to give it.
type ask struct {
	n    uint64
	over bool // the connection has given up waiting
}

// noteDue keeps the warnings and the asks in line with the gateways' verdicts.
func (c *core) noteDue() {
	for i := range c.catalog {
		a := &c.catalog[i]
		site := c.plane.Sites[a.Site]
		v, known := site.Verdicts[a.Entitlement]
		if !known {
			continue // the last word stands
		}
		if c.plane.Apps[a.ID].Waiting == 0 && (v.Allow || len(v.Interactions) == 0) {
			c.unask(a.ID)
		}
		d, was := c.due[a.Entitlement]
		switch {
		case v.Allow && v.Due && len(v.Interactions) > 0 && c.uses(a.Entitlement):
			if !was || !d.verdict.NotAfter.Equal(v.NotAfter) {
				d.since = c.now()
			}
			d.verdict, d.end = v, site.ours(v.NotAfter)
			c.due[a.Entitlement] = d
		case v.Allow || len(v.Interactions) == 0:
			delete(c.due, a.Entitlement) // answered, or nothing to answer any more
		}
	}
}

// withdrawn forgets what was asked for applications that are the user's no more.
func (c *core) withdrawn() {
	maps.DeleteFunc(c.asks, func(id wire.AppID, _ ask) bool { return !c.serves(id) })
	maps.DeleteFunc(c.waited, func(id wire.AppID, _ bool) bool { return !c.serves(id) })
	maps.DeleteFunc(c.putOff, func(id wire.AppID, _ time.Time) bool { return !c.serves(id) })
	entitled := func(id wire.EntitlementID) bool {
		return slices.ContainsFunc(c.catalog, func(a App) bool { return a.Entitlement == id })
	}
	maps.DeleteFunc(c.due, func(id wire.EntitlementID, _ due) bool { return !entitled(id) })
	maps.DeleteFunc(c.cured, func(id wire.EntitlementID, _ bool) bool { return !entitled(id) })
}

// serves says whether the application is one of the user's.
func (f *facts) serves(id wire.AppID) bool {
	return slices.ContainsFunc(f.catalog, func(a App) bool { return a.ID == id })
}

// uses says whether an application of the entitlement was used in this session.
func (f *facts) uses(id wire.EntitlementID) bool {
	return slices.ContainsFunc(f.catalog, func(a App) bool { return a.Entitlement == id && f.plane.Apps[a.ID].used() })
}

// used says whether the application was used in this session.
func (f AppFact) used() bool { return f.Flows > 0 || !f.LastUsed.IsZero() }

// answeredDue forgets the warnings that an answer of these kinds has cured, where
// no verdict stands that a gateway will change.
func (c *core) answeredDue(kinds []wire.InteractionKind) {
	for i := range c.catalog {
		a := &c.catalog[i]
		if _, known := c.plane.Sites[a.Site].Verdicts[a.Entitlement]; known {
			continue
		}
		d := c.due[a.Entitlement]
		open := func(i wire.Interaction) bool { return !slices.Contains(kinds, i.Kind) }
		all := d.verdict.Interactions
		if n := len(slices.DeleteFunc(slices.Clone(all), open)); n == len(all) || d.verdict.AnyOf && n > 0 {
			delete(c.due, a.Entitlement)
		}
	}
}

// span is until when a warning joins the prompt of one that was first given at
// t: answered together, both get the same stamp (seed 003: the next quarter of
// an hour), or, where answers are stamped exactly, one within the warning lead.
func span(t time.Time, s wire.Settings) time.Time {
	r := s.StampRounding.D()
	if r <= 0 {
		return t.Add(s.WarningLead.D())
	}
	t = t.UTC().Round(0)
	if end := t.Truncate(r); end.Equal(t) {
		return end
	}
	return t.Truncate(r).Add(r)
}
