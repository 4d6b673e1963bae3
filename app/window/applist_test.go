package window

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// The page begins with what is pinned and what was used last; a search finds each
// application once, first those that are called so.
func TestWhatStandsFirst(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := atHand()
	b.apply(s)
	p := b.pages.apps
	order := func() string {
		var ids []string
		for i, e := range p.entries {
			id := string(e.id)
			if i > 0 && e.section != p.entries[i-1].section {
				id = "| " + id
			}
			ids = append(ids, id)
		}
		return strings.Join(ids, " ")
	}
	groups := " | crm orders reports | scada bastion historian metrics | git ci"
	if got, want := order(), "bastion scada | orders crm git"+groups; got != want {
		t.Errorf("the page shows %s, want %s", got, want)
	}
	// What is used now does not push away what the pointer may be going to.
	s.Apps = slices.Clone(s.Apps)
	s.Apps[7].LastUsed, s.Apps[8].LastUsed = noon, noon
	b.apply(s)
	if got, want := order(), "bastion scada | orders crm git ci"+groups; got != want {
		t.Errorf("after a use the page shows %s, want %s", got, want)
	}
	b.pages.show(session.PageToday)
	b.pages.show(session.PageApplications)
	if got, want := order(), "bastion scada | orders git ci crm"+groups; got != want {
		t.Errorf("turned to again the page shows %s, want %s", got, want)
	}
	for query, want := range map[string]string{"con": "scada git", "o": "orders crm scada bastion historian git reports metrics ci", "bastion host": "bastion", "operations": "scada bastion historian metrics"} {
		p.search.SetText(query)
		if got := order(); query != "o" && got != want {
			t.Errorf("%q finds %s, want %s", query, got, want)
		}
		if len(p.entries) != len(p.found) {
			t.Errorf("%q shows %d of %d", query, len(p.entries), len(p.found))
		}
	}
}

// P and the pin at a card pin an application; the cursor stays on it.
func TestPinning(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := signedIn()
	b.apply(s)
	b.pages.show(session.PageApplications)
	p := b.pages.apps
	b.canvas().Focus(p.grid)
	b.key("Right")
	on := func() wire.AppID { return p.view(p.grid.cursor).id }
	at := on()
	b.key("P")
	if got, want := b.sent(), (session.Pin{App: at, Pinned: true}); got != session.Command(want) {
		t.Fatalf("P sent %+v, want %+v", got, want)
	}
	s.Choices.Pinned = []wire.AppID{at}
	b.apply(s)
	if on() != at || p.entries[p.grid.cursor].section.kind == ofPinned {
		t.Errorf("the cursor went to %s", on())
	}
	b.key("Home")
	b.key("P")
	if got, want := b.sent(), (session.Pin{App: at}); got != session.Command(want) {
		t.Errorf("P on what is pinned sent %+v, want %+v", got, want)
	}
	s.Choices.Pinned = nil
	b.apply(s)
	if on() != at {
		t.Errorf("unpinned, the cursor is on %s and not on %s", on(), at)
	}
	b.key("Return")
	b.key("P")
	if got, want := b.sent(), (session.Pin{App: at, Pinned: true}); got != session.Command(want) {
		t.Errorf("P in the card of an application sent %+v, want %+v", got, want)
	}
	a, _ := appOf(s, at)
	b.press("Pin " + a.Name)
	if got, want := b.sent(), (session.Pin{App: at, Pinned: true}); got != session.Command(want) {
		t.Errorf("the pin in the card of an application sent %+v, want %+v", got, want)
	}
}

// The list shows what the cards show, is remembered, and is gone along by the same
// keys, one below the other; / begins a search.
func TestListOfApplications(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(manyApps(100))
	b.pages.show(session.PageApplications)
	b.press(appWords.list)
	p := b.pages.apps
	g := p.grid
	for _, c := range g.sheet.cards {
		if _, ok := c.(*appRow); !ok {
			t.Fatalf("the list has a %T", c)
		}
	}
	b.canvas().Focus(g)
	for _, step := range []struct {
		key  fyne.KeyName
		want int
	}{{"Down", 1}, {"Down", 2}, {"Right", 3}, {"Up", 2}, {"Next", 2 + int(g.scroll.Size().Height/(em(rowHeight)+rowGap))}, {"Prior", 2}, {"End", 99}, {"Home", 0}} {
		b.key(step.key)
		if g.cursor != step.want {
			t.Fatalf("%s leads to %d, want %d", step.key, g.cursor, step.want)
		}
	}
	b.canvas().Focused().TypedRune('/')
	if b.canvas().Focused() != fyne.Focusable(p.search) || p.search.Text != "" {
		t.Error("/ does not begin a search")
	}
	again := New(testApp(), nil, Options{Now: func() time.Time { return noon }})
	defer again.win.Close()
	if !again.pages.apps.grid.sheet.list {
		t.Error("the list is not remembered")
	}
	b.press(appWords.grid)
	if _, ok := g.sheet.cards[0].(*card); !ok {
		t.Errorf("there is a %T in place of a card", g.sheet.cards[0])
	}
}

// The connections of an application are told with their age, which goes on while its
// card is open, and only then.
func TestOpenConnections(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(atHand())
	b.pages.apps.open("orders")
	b.layer.modal.scroll.ScrollToBottom()
	b.says("Open connections", "9 · 3 at rest   ·   2.0 MB ↑   61.4 MB ↓", "14:25 · 11 min", "Through the proxy · at rest", "44.0 kB ↑", "3.9 MB ↓", "Show all 9")
	b.silent("11:40 · 2 h 56 min")
	b.press("Show all 9")
	b.layer.modal.scroll.ScrollToBottom()
	b.says("Opened by a program · at rest", "02:52 · 11 h 44 min", "Show fewer")
	b.press("Show fewer")
	b.now = noon.Add(70 * time.Second)
	for _, f := range b.clock.take(b.now) {
		f()
	}
	b.says("14:25 · 12 min")
	b.key("Escape")
	b.pages.apps.open("reports")
	b.silent(appWords.flowsTitle, appWords.noFlows)
	b.key("Escape")
	for _, f := range b.clock.take(b.now.Add(time.Hour)) {
		f()
	}
	if at, ticking := b.clock.next(); ticking {
		t.Errorf("the clock will ring at %v for what is closed", at)
	}
	for d, want := range map[time.Duration]string{59 * time.Second: "less than a minute", time.Minute: "1 min", 3*time.Hour + 5*time.Minute: "3 h 5 min", 50 * time.Hour: "2 d 2 h"} {
		if got := ageText(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// What is copied for the helpdesk says what decided, when, and with what, and nothing
// that opens anything.
func TestHelpdeskText(t *testing.T) {
	const secret = "canary-5f1c"
	s := denied(false)
	s.User.Session = wire.SessionID(secret)
	s.Events = []session.Event{{Text: secret}}
	a := &s.Apps[3]
	a.Link, a.OpenWith = "https://maya:"+secret+"@scada-north.tidewater.example/?token="+secret, "ssh "+secret
	a.Name = "Sluice\ncontrol\u202e"
	for i := range a.Failing {
		a.Failing[i].Text, a.Failing[i].Claim, a.Failing[i].Reported = secret, secret, secret
	}
	a.Connections = []session.Connection{{Via: secret}}
	s.Prompt = &session.Prompt{ID: secret, Kind: session.PromptInteraction, Interactions: []wire.Interaction{{Message: secret}}}
	got := helpdeskText(s, a, noon.Add(3*time.Second))
	if strings.Contains(got, secret) {
		t.Errorf("it tells a secret:\n%s", got)
	}
	want := `Application:   Sluice control (scada)
Address:       https scada-north.tidewater.example:8443
State:         needs-you
Why:           A one-time code is needed. The last code was entered more than an hour ago.
To do:         Enter a code from your authenticator.
Criterion:     One-time code: answered 2026-11-20 13:30:00 +00:00
Criterion:     Firewall: off
Criterion:     Agent running: not reported
Decision:      d-2w8h5t1x
Entitlement:   e
Since:         2026-11-20 14:18:35 +00:00
Connections:   0 open, 0 at rest, 0 cut
Gateway site:  Head office (office) suspended
Controller:    zta.tidewater.example:8443 established 2026-11-20 14:36:00 +00:00
User:          maya
Device:        x4k9-m2p7-q8dz
Tidegate:      0.1.0
Copied at:     2026-11-20 14:36:03 +00:00
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b := newBench(t, alwaysDark)
	b.apply(s)
	b.apply(func() session.State { s.Prompt = nil; return s }())
	b.pages.apps.open("scada")
	b.press(appWords.helpdesk)
	if got := b.app.Clipboard().Content(); !strings.HasPrefix(got, "Application:   Sluice control (scada)\n") || strings.Contains(got, secret) {
		t.Errorf("the clipboard has %q", got)
	}
	b.says(appWords.helpdeskCopied)
}
