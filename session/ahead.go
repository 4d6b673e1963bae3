package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// Ahead is when access will be open in the days to come, as the controller
// foresaw it at At: while nothing but the clock changes. All instants are by our
// clock.
type Ahead struct {
	At      time.Time `json:"at,omitzero"` // zero: no answer has come yet
	Until   time.Time `json:"until,omitzero"`
	Expires time.Time `json:"expires,omitzero"` // of the session
	// Lines hold each entitlement once.
	Lines []wire.ForecastLine `json:"lines,omitempty"`
	// Past is how access was before At, the oldest first, with gaps where it is not
	// known.
	Past map[wire.EntitlementID][]Lived `json:"past,omitempty"`
	// Working: an answer is awaited; Lines are of the one before.
	Working bool `json:"working,omitempty"`
	// Problem is why the last question was not answered.
	Problem *Problem `json:"problem,omitempty"`
}

// Line is what becomes of an application by its entitlement.
func (a *Ahead) Line(id wire.EntitlementID) (wire.ForecastLine, bool) {
	if a == nil {
		return wire.ForecastLine{}, false
	}
	for _, l := range a.Lines {
		if slices.Contains(l.Entitlements, id) {
			return l, true
		}
	}
	return wire.ForecastLine{}, false
}

// spans are what was foreseen of now, of the entitlements of which anything was.
func (a *Ahead) spans(w *wake) map[wire.EntitlementID]wire.ForecastSpan {
	if a == nil {
		return nil
	}
	found := map[wire.EntitlementID]wire.ForecastSpan{}
	for _, l := range a.Lines {
		for _, s := range l.Spans {
			if w.now.Before(s.From) || !w.before(s.To) {
				continue
			}
			for _, id := range l.Entitlements {
				found[id] = s
			}
			break
		}
	}
	return found
}

// forecastTakes is how long an answer may take, which is told the time before.
const forecastTakes = 5 * time.Second

// doLookAhead asks for what is foreseen, one question at a time.
func (c *core) doLookAhead() error {
	if c.cookie == "" || c.link.client == nil {
		return says("nobody is signed in, so nothing is known of the days ahead; sign in first")
	}
	next := Ahead{Working: true}
	if c.foreseen != nil {
		if c.foreseen.Working {
			return nil
		}
		next = *c.foreseen
		next.Working = true
	}
	asked := &next
	c.foreseen, c.unseen = asked, nil
	client, cookie, where := c.link.client, c.cookie, c.enrolled.Controller
	c.run(func(ctx context.Context) func(*core) {
		f, err := client.Forecast(ctx, cookie)
		return func(c *core) {
			if c.foreseen == asked { // else nobody asks any more
				c.foreseenIs(f, err, where)
			}
		}
	})
	return nil
}

func (c *core) foreseenIs(f wire.Forecast, err error, where string) {
	if err != nil {
		c.o.Log.Info("what is ahead is not known", "error", err)
		next := *c.foreseen
		next.Working = false
		c.foreseen = &next
		c.unseen = func() *Problem {
			if errors.Is(err, &wire.Problem{Code: wire.CodeNotFound}) {
				return &Problem{Code: "no-forecast", Title: lang.T("Your controller does not tell what is ahead"),
					Detail: lang.T("It is of a version that does not know the question."), Fix: lang.T("Ask your administrator to bring it up to date.")}
			}
			return explain(err, where)
		}
		return
	}
	if off := f.At.Sub(c.now()) - c.ahead; off.Abs() > forecastTakes { // else snapshots tell the time better
		c.tells(f.At)
	}
	a := Ahead{At: c.ours(f.At), Until: c.ours(f.Until), Expires: c.ours(f.Expires), Lines: f.Lines}
	a.Past = c.lived.until(a.At)
	for _, l := range a.Lines { // nobody else has them yet
		for i := range l.Spans {
			s := &l.Spans[i]
			s.From, s.To, s.Warn = c.ours(s.From), c.ours(s.To), c.ours(s.Warn)
		}
	}
	c.foreseen = &a
}
