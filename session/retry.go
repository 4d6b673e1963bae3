package session

import "github.com/tidegate/tidegate/internal/wire"

// tried notes that a connection waits for the cure of an application. The user
// is asked, but not each time that a program tries again: what was put off just
// now stays in sight and raises no dialog.
func (c *core) tried(id wire.AppID) {
	if !c.quiet(id) {
		c.ask(id)
		return
	}
	_, asked := c.asks[id]
	if _, warned := c.dueOf(id); !asked && !warned {
		c.askSeq++
		c.asks[id] = ask{n: c.askSeq, over: true}
	}
}

// missed notes that a prompt of an application was not answered in time.
func (c *core) missed(id wire.AppID) {
	if !c.quiet(id) {
		c.putOff[id] = c.now()
	}
}

// quiet says whether a prompt of the application was dismissed or missed within
// the warning lead.
func (c *core) quiet(id wire.AppID) bool {
	if c.snapshot == nil {
		return false
	}
	now, lead := c.now(), c.snapshot.Settings.WarningLead.D()
	if at, ok := c.putOff[id]; ok && passed(at, now) < lead {
		return true
	}
	d, warned := c.dueOf(id)
	return warned && !now.Before(d.end) && passed(d.end, now) < lead
}

// dueOf is the warning that the user was given of an application.
func (c *core) dueOf(id wire.AppID) (due, bool) {
	for i := range c.catalog {
		if c.catalog[i].ID == id {
			d, ok := c.due[c.catalog[i].Entitlement]
			return d, ok
		}
	}
	return due{}, false
}
