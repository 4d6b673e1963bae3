package session

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// Outlook is how access is in a stretch of the days ahead.
type Outlook string

// The outlooks.
const (
	OutlookOpen   Outlook = "open"
	OutlookScript Outlook = "script"     // open as far as is known; a check of the organisation has the last word
	OutlookAsks   Outlook = "asks"       // opens as soon as the user answers
	OutlookClosed Outlook = "closed"     // nothing that the user can answer opens it
	OutlookEnded  Outlook = "signed-out" // the session is over: the user signs in again
)

// Stretch is one span of an application's days ahead.
type Stretch struct {
	wire.ForecastSpan
	Outlook Outlook `json:"outlook"`
}

// Stretches are what becomes of an entitlement, from At on without a gap.
func (a *Ahead) Stretches(id wire.EntitlementID) []Stretch {
	l, _ := a.Line(id)
	return stretchesOf(l)
}

func stretchesOf(l wire.ForecastLine) []Stretch {
	out := make([]Stretch, len(l.Spans))
	for i, s := range l.Spans {
		out[i] = Stretch{s, outlookOf(s)}
	}
	return out
}

func outlookOf(s wire.ForecastSpan) Outlook {
	switch {
	case s.Allow && s.Script:
		return OutlookScript
	case s.Allow:
		return OutlookOpen
	case s.Reason == wire.ReasonTokenEnd:
		return OutlookEnded
	case len(s.Cure) > 0:
		return OutlookAsks
	}
	return OutlookClosed
}

// Word is the stretch in a few words.
func (s Stretch) Word() string {
	switch s.Outlook {
	case OutlookOpen:
		return lang.T("Open")
	case OutlookScript:
		return lang.T("Open if a check agrees")
	case OutlookAsks:
		return lang.F("Opens with %s", s.Asked())
	case OutlookEnded:
		return lang.T("Signed out")
	}
	return lang.T("Closed")
}

// Why says why it is closed, or what ends it; empty where nothing does.
func (s Stretch) Why() string {
	switch {
	case s.Outlook == OutlookEnded:
		return lang.T("Your session is over: sign in again")
	case s.Allow && s.Reason == wire.ReasonTokenEnd:
		return lang.T("Your session ends")
	case s.Allow && s.Reason == wire.ReasonTime:
		return lang.T("The hours end")
	}
	return lang.T(reasons[s.Reason].Brief)
}

// Asked is what is asked of the user: "a one-time code".
func (s Stretch) Asked() string { return Asked(s.Cure, s.AnyOf) }

// Asked names what is asked of a user: all of it, or any.
func Asked(kinds []wire.InteractionKind, anyOf bool) string {
	var words []string
	for _, k := range kinds {
		words = append(words, lang.T(cmp.Or(askedWords[k], string(k))))
	}
	if anyOf {
		return listed(words, "%s or %s")
	}
	return listed(words, "%s and %s")
}

var askedWords = map[wire.InteractionKind]string{
	wire.InteractionMFA:      "a one-time code",
	wire.InteractionPassword: "your password",
	wire.InteractionReason:   "a reason",
	wire.InteractionMessage:  "a message to confirm",
}

// listed are words one after another; last puts the last one to those before.
func listed(words []string, last string) string {
	if n := len(words); n > 1 {
		return lang.F(last, strings.Join(words[:n-1], ", "), words[n-1])
	}
	return strings.Join(words, "")
}

// Turn is a change that is ahead.
type Turn string

// The turns.
const (
	TurnAsks    Turn = "asks"     // a prompt comes, if the application is in use
	TurnCloses  Turn = "closes"   // access ends
	TurnOpens   Turn = "opens"    // access begins
	TurnMayOpen Turn = "may-open" // from now on an answer opens it
	TurnEnds    Turn = "ends"     // the session ends, and with it access to everything
)

// Coming is a change that is ahead, of all applications that it concerns.
type Coming struct {
	At   time.Time    `json:"at"`
	Turn Turn         `json:"turn"`
	Apps []wire.AppID `json:"apps,omitempty"`
	// Text is the change in words without the instant: "a one-time code is asked for Ledger".
	Text string `json:"text"`
}

// Coming are the changes ahead of now, the next first.
func (s *State) Coming(now time.Time) []Coming {
	a := s.Ahead
	if a == nil {
		return nil
	}
	type key struct {
		at        int64
		turn      Turn
		asked, by string
	}
	found, names := map[key]*Coming{}, map[key][]string{}
	add := func(app *App, at time.Time, turn Turn, asked, by string) {
		if !at.After(now) {
			return
		}
		k := key{at.UnixNano(), turn, asked, by}
		if found[k] == nil {
			found[k] = &Coming{At: at, Turn: turn}
		}
		if app != nil {
			found[k].Apps = append(found[k].Apps, app.ID)
			names[k] = append(names[k], app.Name)
		}
	}
	known := map[wire.EntitlementID][]Stretch{}
	for _, l := range a.Lines {
		all := stretchesOf(l)
		for _, id := range l.Entitlements {
			known[id] = all
		}
	}
	for i := range s.Apps {
		app := &s.Apps[i]
		all := known[app.Entitlement]
		for j, st := range all {
			if !st.Warn.IsZero() {
				add(app, st.Warn, TurnAsks, st.Asked(), "")
			}
			if j+1 == len(all) || all[j+1].Outlook == OutlookEnded {
				continue // no change, or the one below
			}
			switch next := all[j+1]; {
			case !st.Allow && next.Allow:
				add(app, st.To, TurnOpens, "", "")
			case st.Allow && !next.Allow && (st.Warn.IsZero() || !st.Warn.After(now)):
				add(app, st.To, TurnCloses, "", st.Why())
			case st.Outlook == OutlookClosed && next.Outlook == OutlookAsks:
				add(app, st.To, TurnMayOpen, next.Asked(), "")
			}
		}
	}
	if !a.Expires.IsZero() && a.Expires.Before(a.Until) {
		add(nil, a.Expires, TurnEnds, "", "")
	}
	var out []Coming
	for k, c := range found {
		c.Text = k.turn.text(k.asked, k.by, names[k])
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Coming) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Turn, b.Turn), cmp.Compare(a.Text, b.Text))
	})
	return out
}

// maxNamed is how many applications a sentence names.
const maxNamed = 3

// text is a turn in words.
func (t Turn) text(asked, by string, names []string) string {
	n := len(names)
	if extra := len(names) - maxNamed; extra > 0 {
		names = append(names[:maxNamed:maxNamed], others(extra))
	}
	who := listed(names, "%s and %s")
	switch t {
	case TurnAsks:
		return lang.F("%s will be asked for %s", asked, who)
	case TurnOpens:
		return lang.N("%s opens", "%s open", n, who)
	case TurnMayOpen:
		return lang.N("%s opens with %s", "%s open with %s", n, who, asked)
	case TurnEnds:
		return lang.T("your session ends: sign in again")
	}
	if by == "" {
		return lang.N("%s closes", "%s close", n, who)
	}
	return lang.N("%s closes: %s", "%s close: %s", n, who, lower(by))
}

// MayChange says what may change a forecast at any time, in words; empty where
// only the clock and the user's answers do.
func MayChange(kinds []wire.ReasonKind) string {
	words := map[string]bool{}
	for _, k := range kinds {
		if w, ok := mayChangeWords[k]; ok {
			words[w] = true
		}
	}
	all := slices.Sorted(maps.Keys(words))
	for i, w := range all {
		all[i] = lang.T(w)
	}
	return listed(all, "%s and %s")
}

var mayChangeWords = map[wire.ReasonKind]string{
	wire.ReasonDevice:  "your device",
	wire.ReasonNetwork: "your network",
	wire.ReasonRisk:    "your risk",
	wire.ReasonScript:  "checks by your organisation",
}

func others(n int) string { return lang.N("%d other", "%d others", n, n) }
