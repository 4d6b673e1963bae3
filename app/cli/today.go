package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func todayFlags(c *call, fs *flag.FlagSet) {
	fs.BoolVar(&c.week, "week", false, "today and the seven days behind it")
	timeoutFlag(c, fs)
}

const todayAbout = "The controller foresees it from the conditions and the clock, as it stands now: an answer of yours, " +
	"or a change of your device, network or risk, changes it. A bar is a day, each of its signs half an hour."

// aheadApp is an application's days ahead, for programs.
type aheadApp struct {
	App       wire.AppID        `json:"app"`
	Name      string            `json:"name"`
	Past      []session.Lived   `json:"past,omitempty"` // as far as it is known
	Stretches []session.Stretch `json:"stretches"`
	MayChange []wire.ReasonKind `json:"may_change,omitempty"`
}

func (c *call) today(ctx context.Context, _ []string) error {
	if err := c.client.Do(ctx, session.LookAhead{}); err != nil {
		return err
	}
	s, err := c.until(ctx, func(s *session.State) (bool, error) {
		switch {
		case s.Ahead == nil:
			return false, errors.New(lang.T("nobody is signed in any more; sign in with: tidegate sign-in"))
		case s.Ahead.Working:
			return false, nil
		case s.Ahead.Problem != nil:
			return false, errors.New(join(s.Ahead.Problem.Title, s.Ahead.Problem.Detail, s.Ahead.Problem.Fix))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	from := midnight(s.Ahead.At.In(c.Zone), 0)
	until := midnight(from, 1)
	if c.week {
		until = midnight(from, 8)
	}
	coming := slices.DeleteFunc(s.Coming(s.Ahead.At), func(x session.Coming) bool { return !x.At.Before(until) })
	if c.json {
		return c.writeAhead(&s, until, coming)
	}
	if len(s.Apps) == 0 {
		c.say("There are no applications: %s.", headline(&s))
		return nil
	}
	c.printAhead(&s, from, until)
	fmt.Fprintln(c.Out)
	if len(coming) == 0 {
		c.say("Nothing changes by itself until %s.", lang.Time(until, "Mon 2 Jan 15:04"))
	}
	var rows [][]string
	for _, x := range coming {
		rows = append(rows, []string{c.moment(x.At, s.Ahead.At), x.Text})
	}
	if rows != nil {
		c.table(nil, rows)
	}
	return nil
}

// midnight is the beginning of a day, so many days on: of 23 hours, or of 25.
func midnight(t time.Time, days int) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, t.Location())
}

func (c *call) writeAhead(s *session.State, until time.Time, coming []session.Coming) error {
	out := struct {
		At      time.Time        `json:"at"`
		Until   time.Time        `json:"until"`
		Expires time.Time        `json:"expires"`
		Apps    []aheadApp       `json:"apps"`
		Coming  []session.Coming `json:"coming"`
	}{s.Ahead.At, until, s.Ahead.Expires, []aheadApp{}, coming}
	if s.Ahead.Until.Before(until) {
		out.Until = s.Ahead.Until
	}
	if coming == nil {
		out.Coming = []session.Coming{}
	}
	for _, a := range s.Apps {
		line, _ := s.Ahead.Line(a.Entitlement)
		x := aheadApp{App: a.ID, Name: a.Name, Past: s.Ahead.Past[a.Entitlement], Stretches: []session.Stretch{}, MayChange: line.MayChange}
		for _, st := range s.Ahead.Stretches(a.Entitlement) {
			if st.From.Before(until) {
				x.Stretches = append(x.Stretches, st)
			}
		}
		out.Apps = append(out.Apps, x)
	}
	return c.write(out, "  ")
}

// cells is how many signs a day's bar has.
const cells = 48

// signs are how a bar shows an outlook; a prompt is an exclamation mark.
var signs = map[session.Outlook]byte{
	session.OutlookOpen: '=', session.OutlookScript: '~', session.OutlookAsks: '?', session.OutlookClosed: '.', session.OutlookEnded: 'x',
}

func (c *call) printAhead(s *session.State, from, until time.Time) {
	hours := ""
	for h := 0; h < 24; h += 3 {
		hours += fmt.Sprintf("%02d----", h)
	}
	var rows [][]string
	days := s.Ahead.Days()
	for _, a := range s.Apps {
		line, _ := s.Ahead.Line(a.Entitlement)
		all := days[a.Entitlement]
		name, may := a.Name, session.MayChange(line.MayChange)
		for day := from; day.Before(until); day = midnight(day, 1) {
			rows = append(rows, []string{name, lang.Time(day, "Mon 2 Jan"), "|" + bar(all, day, s.Ahead.At) + "|", may})
			name, may = "", ""
		}
	}
	c.table([]string{"NAME", "DAY", "|" + hours + "|", "MAY CHANGE WITH"}, rows)
	fmt.Fprintln(c.Out, "\n"+strings.Join([]string{"- " + lang.T("not known"), "= " + lang.T("open"), "~ " + lang.T("open if a check agrees"), "? " + lang.T("opens with an answer"),
		". " + lang.T("closed"), "x " + lang.T("signed out"), "! " + lang.T("a prompt")}, "   "))
}

// bar draws a day, and marks prompts that are ahead of now. Each of its signs is half
// an hour of the clock on the wall, as the scale above it has them: where clocks are
// put forward, one that does not come shows what is there in its stead, and where they
// are put back, one stands for both.
func bar(all []session.Stretch, day, now time.Time) string {
	y, m, d := day.Date()
	wall := func(i int) time.Time { return time.Date(y, m, d, 0, i*24*60/cells, 0, 0, day.Location()) }
	var b strings.Builder
	for i := range cells {
		begin, end := wall(i), wall(i+1)
		at := begin.Add(max(0, end.Sub(begin)) / 2) // what holds in the middle of it
		if at.Before(now) && end.After(now) {
			at = now
		}
		sign := byte('-') // a table keeps no blanks
		for _, st := range all {
			if !at.Before(st.From) && at.Before(st.To) {
				sign = signs[st.Outlook]
			}
		}
		for _, st := range all {
			if st.Warn.After(now) && !st.Warn.Before(begin) && st.Warn.Before(end) {
				sign = '!'
			}
		}
		b.WriteByte(sign)
	}
	return b.String()
}

// moment is an instant to the second, its day where that is not now's.
func (c *call) moment(t, now time.Time) string {
	t, now = t.In(c.Zone), now.In(c.Zone)
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04:05")
	}
	return lang.Time(t, "Mon 2 Jan 15:04:05")
}
