package cli

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

func (c *call) apps(ctx context.Context, _ []string) error {
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	if c.json {
		if s.Apps == nil {
			s.Apps = []session.App{}
		}
		return c.write(s.Apps, "  ")
	}
	if len(s.Apps) == 0 {
		c.say("There are no applications: %s.", headline(&s))
		return nil
	}
	var rows [][]string
	for _, a := range s.Apps {
		why := ""
		if a.State != session.AppReady && a.State != session.AppInUse || a.Foreseen != "" {
			why = a.Why.Title
		}
		rows = append(rows, []string{string(a.ID), a.Name, word(a.State), c.clock(a.Until, s.At), a.OpenWith, why})
	}
	c.table([]string{"ID", "NAME", "STATE", "UNTIL", "OPEN WITH", "WHY"}, rows)
	return nil
}

func word(s session.AppState) string {
	if s == "" {
		s = session.AppBlocked // unknown denies
	}
	return lang.T(string(s))
}

// find looks an application up by its id or by its name, the case aside.
func (c *call) find(ctx context.Context, name string) (session.App, session.State, error) {
	s, err := c.client.State(ctx)
	if err != nil {
		return session.App{}, s, err
	}
	var found []session.App
	var known []string
	for _, a := range s.Apps {
		if string(a.ID) == name {
			return a, s, nil
		}
		known = append(known, string(a.ID), a.Name)
		if strings.EqualFold(a.Name, name) {
			found = append(found, a)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], s, nil
	case len(found) > 1:
		return session.App{}, s, errors.New(lang.F("%d applications are called %q; name one by its id, which `tidegate apps` lists", len(found), name))
	case len(s.Apps) == 0:
		return session.App{}, s, deniedError{lang.F("there are no applications: %s", headline(&s))}
	}
	return session.App{}, s, errors.New(lang.F("there is no application %q%s; `tidegate apps` lists them", name, hint(name, known)))
}

func (c *call) open(ctx context.Context, args []string) error {
	a, _, err := c.find(ctx, args[0])
	if err != nil {
		return err
	}
	if err := c.client.Do(ctx, session.OpenApp{App: a.ID}); err != nil {
		return err
	}
	if a.State == session.AppNeedsYou {
		return deniedError{join(lang.F("%s needs you", a.Name), a.Why.Title, a.Why.Fix) + " " + lang.F("Answer it: %s", "tidegate answer "+string(a.ID))}
	}
	if c.json {
		return c.write(map[string]any{"app": a.ID, "open": a.Open, "open_with": a.OpenWith}, "")
	}
	switch a.Open {
	case session.OpenBrowser:
		c.say("Opening %s in the browser: %s", a.Name, a.OpenWith)
	default:
		c.say("%s", a.OpenWith)
	}
	return nil
}

func (c *call) why(ctx context.Context, args []string) error {
	a, s, err := c.find(ctx, args[0])
	if err != nil {
		return err
	}
	if c.json {
		a.Until, a.Since = c.local(a.Until), c.local(a.Since)
		return c.write(a, "  ")
	}
	rows := [][]string{{lang.T("Application"), a.Name + " (" + string(a.ID) + ")"}, {lang.T("State"), word(a.State)}}
	row := func(name, text string) {
		if text != "" {
			rows = append(rows, []string{lang.T(name), text})
		}
	}
	row("Why", join(a.Why.Title, a.Why.Detail))
	row("What to do", a.Why.Fix)
	if len(a.Cure) > 0 {
		row("Answer it", "tidegate answer "+string(a.ID))
	}
	row("Since", c.exact(a.Since))
	if a.Allowed || a.State == session.AppReady || a.State == session.AppInUse {
		row("Until", c.exact(a.Until))
	} else {
		row("Decided again", c.exact(a.Until))
	}
	fails := "Fails"
	if a.Allowed {
		fails = "Will fail" // when access ends
	}
	for _, x := range a.Failing {
		row(lang.T(fails), c.fails(x, s.At))
	}
	if a.Hidden {
		row("", lang.T("Your administrator hides the values."))
	}
	if len(a.Addresses) > 0 {
		row("By name", lang.F("%s:%d, which is %s here", a.Host, a.Port, addresses(a.Addresses)))
	}
	row("Site", string(a.Site))
	row("Entitlement", string(a.Entitlement))
	row("Condition", string(a.Why.Condition))
	row("Decision", string(a.Decision))
	if a.Flows > 0 {
		row("Open", lang.F("%s, %d bytes up, %d down", resting(a.Flows, a.Parked), a.Up, a.Down))
	}
	for _, x := range a.Connections {
		row("Connection", c.connection(x))
	}
	c.table(nil, rows)
	return nil
}

// connection says how one was opened and since when, and what it carried.
func (c *call) connection(x session.Connection) string {
	text := lang.F("since %s", c.exact(x.Since))
	switch x.Via {
	case session.ViaAddress:
		text += ", " + lang.T("at its local address")
	case session.ViaProxy:
		text += ", " + lang.T("through the proxy")
	case session.ViaName:
		text += ", " + lang.T("by its name")
	}
	if x.Resting {
		text += ", " + lang.T("at rest")
	}
	return text + ", " + lang.F("%d bytes up, %d down", x.Up, x.Down)
}

func addresses(all []netip.Addr) string {
	var words []string
	for _, a := range all {
		words = append(words, a.String())
	}
	return strings.Join(words, " "+lang.T("and")+" ")
}

// fails says what a criterion is about, how it is found, and how it was written.
func (c *call) fails(x session.Failing, now time.Time) string {
	text := x.Title
	if x.Found != "" {
		text += ": " + x.Found
	}
	if !x.Answered.IsZero() {
		text += " " + c.clock(x.Answered, now)
	}
	if x.Text != "" {
		text += " (" + x.Text + ")"
	}
	return text
}

// local is t in the user's time zone.
func (c *call) local(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(c.Zone)
}

// exact writes an instant whole; empty for none.
func (c *call) exact(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return lang.Time(t.In(c.Zone), "Mon 2 Jan 2006 15:04:05 MST")
}
