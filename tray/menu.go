package tray

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// MaxApps and MaxVPNs are how many applications and classic VPNs the menu shows;
// the window shows all.
const (
	MaxApps = 10
	MaxVPNs = 3
)

// The widest an item gets, in runes.
const (
	statusWidth = 90
	nameWidth   = 48
)

// Menu is the tray's menu, top to bottom, with a line above Apps and one below
// All. It is comparable: two equal menus look and do the same.
type Menu struct {
	Device      wire.DeviceID // of the enrolment whose applications and session these are
	Status      Item          // the ZTA button's words, never clickable
	Needs       Item          // what needs the user, or else is to be known, where something is
	Apps        [MaxApps]Item // by name
	All         Item          // the applications page
	VPNs        [MaxVPNs]Item // connect or disconnect, in the user's order
	Connections Item          // the connections page, where there is anything of VPNs
	Open        Item          // the window
	// Switches lead to the other enrolments, where there are any.
	Switches [MaxSwitches]Item
	Session  Item // sign in or out
	Quit     Item
}

// Item is one line. An empty Label hides it and a nil Do makes it grey.
type Item struct {
	Label string
	Do    session.Command
}

// MenuFor is the menu of a state. No line of it changes with the clock alone.
func MenuFor(s session.State) Menu {
	m := Menu{
		Device: s.Enrolment.Device,
		Status: Item{Label: status(s)},
		Needs:  needs(&s),
		All:    Item{lang.T("All applications…"), session.ShowWindow{Page: session.PageApplications}},
		Open:   Item{lang.T("Open Tidegate"), session.ShowWindow{}},
		Quit:   Item{lang.T("Quit"), session.Quit{}},
	}
	m.Switches = switches(&s)
	for i, a := range shown(s.Apps, s.Choices.Pinned) {
		m.Apps[i] = app(a, s.At)
	}
	for i, v := range shownVPNs(s.VPN.Connections) {
		m.VPNs[i] = vpn(v, s.VPN.Warnings)
	}
	if v := s.VPN; len(v.Connections) > 0 || len(v.Others) > 0 || len(v.Warnings) > 0 {
		m.Connections = Item{lang.T("Connections…"), session.ShowWindow{Page: session.PageConnections}}
	}
	switch {
	case s.User.Name != "":
		m.Session = Item{lang.T("Sign out"), session.SignOut{}}
	case s.Enrolment.Enrolled() && (s.Prompt == nil || s.Prompt.Kind != session.PromptSignIn):
		m.Session = Item{lang.T("Sign in…"), session.ShowPrompt{}}
	}
	return m
}

func status(s session.State) string {
	title := plaintext.Line(s.ZTA.Title)
	if title == "" {
		title = "Tidegate"
	}
	if detail := plaintext.Line(s.ZTA.Detail); detail != "" {
		title += " – " + detail
	}
	return plaintext.Short(title, statusWidth)
}

// needs is what the user is to do or to know first: what is asked, or else the most
// urgent warning about a VPN.
func needs(s *session.State) Item {
	switch p := s.Prompt; {
	case p == nil:
		return vpnNeeds(&s.VPN)
	case p.Kind == session.PromptEnrol && s.VPN.Prompt != nil:
		return vpnNeeds(&s.VPN) // who uses VPNs alone is asked to enrol all the time
	case p.Kind == session.PromptEnrol:
		return Item{lang.T("Enrol this device…"), session.ShowPrompt{}}
	case p.Kind == session.PromptSignIn:
		return Item{lang.T("Sign in…"), session.ShowPrompt{}}
	}
	return Item{plaintext.Short(verify(s), statusWidth), session.ShowPrompt{}}
}

// verify says what a prompt is for, and by when it is to be answered.
func verify(s *session.State) string {
	var names []string
	for _, a := range s.Apps {
		if slices.Contains(s.Prompt.Apps, a.ID) {
			names = append(names, name(a))
		}
	}
	lapses := s.Prompt.Deadline
	by := clock(lapses, s.At)
	switch n := len(names); {
	case n == 0:
		return lang.T("Verify…")
	case n == 1 && lapses.IsZero():
		return lang.F("Verify to use %s…", names[0])
	case n == 1:
		return lang.F("Verify by %s to keep %s…", by, names[0])
	case n == 2 && lapses.IsZero():
		return lang.F("Verify to use %s and %s…", names[0], names[1])
	case n == 2:
		return lang.F("Verify by %s to keep %s and %s…", by, names[0], names[1])
	case lapses.IsZero():
		return lang.N("Verify to use %s and %d other…", "Verify to use %s and %d others…", n-1, names[0], n-1)
	default:
		return lang.N("Verify by %s to keep %s and %d other…", "Verify by %s to keep %s and %d others…", n-1, by, names[0], n-1)
	}
}

// shown chooses the applications that the user has pinned, and then those that were
// used last, and keeps them in the state's order, so that use alone moves nothing in
// an open menu.
func shown(apps []session.App, pinned []wire.AppID) []session.App {
	if len(apps) <= MaxApps {
		return apps
	}
	kept := make(map[wire.AppID]int, len(pinned))
	for _, id := range pinned {
		kept[id] = 1
	}
	order := make([]int, len(apps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(kept[apps[b].ID], kept[apps[a].ID]), apps[b].LastUsed.Compare(apps[a].LastUsed), cmp.Compare(a, b))
	})
	order = order[:MaxApps]
	slices.Sort(order)
	chosen := make([]session.App, 0, MaxApps)
	for _, i := range order {
		chosen = append(chosen, apps[i])
	}
	return chosen
}

func app(a session.App, now time.Time) Item {
	return Item{Label: label(a, now), Do: open(a)}
}

// label is an application and how it is. Until when is an instant, which stands
// still in an open menu.
func label(a session.App, now time.Time) string {
	n, until := name(a), ""
	if a.Allowed && !a.Until.IsZero() {
		until = clock(a.Until, now)
	}
	switch {
	case a.State == session.AppReady && a.Foreseen == session.OutlookClosed:
		return lang.F("%s – closed", n)
	case a.State == session.AppReady && a.Foreseen == session.OutlookAsks:
		return lang.F("%s – asks first", n)
	case a.State == session.AppReady && until != "":
		return lang.F("%s – until %s", n, until)
	case a.State == session.AppReady:
		return n
	case a.State == session.AppInUse && until != "":
		return lang.F("%s – in use until %s", n, until)
	case a.State == session.AppInUse:
		return lang.F("%s – in use", n)
	case a.State == session.AppNeedsYou:
		return lang.F("%s – needs you", n)
	}
	return lang.F("%s – blocked", n)
}

func name(a session.App) string {
	if n := plaintext.Short(a.Name, nameWidth); n != "" {
		return n
	}
	return plaintext.Short(string(a.ID), min(nameWidth, wire.MaxID))
}

// open is what choosing an application does: the shortest way to use it, or to
// see why it cannot be used.
func open(a session.App) session.Command {
	switch {
	case a.State == session.AppNeedsYou && len(a.Cure) > 0:
		return session.ShowPrompt{App: a.ID}
	case (a.State == session.AppReady || a.State == session.AppInUse) && a.Open == session.OpenBrowser && a.Listen.IsValid():
		return session.OpenApp{App: a.ID}
	}
	return session.ShowWindow{Page: session.PageApplications, App: a.ID}
}

// items are all lines, top to bottom.
func (m *Menu) items() []Item {
	all := []Item{m.Status, m.Needs}
	all = append(all, m.Apps[:]...)
	all = append(all, m.All)
	all = append(all, m.VPNs[:]...)
	all = append(all, m.Connections, m.Open)
	all = append(all, m.Switches[:]...)
	return append(all, m.Session, m.Quit)
}

// fixed says whether the i-th of items is the same one in each menu that has it.
func fixed(i int) bool {
	switch i {
	case 0, 2 + MaxApps, 3 + MaxApps + MaxVPNs, 4 + MaxApps + MaxVPNs, 6 + MaxApps + MaxVPNs + MaxSwitches:
		return true // Status, All, Connections, Open, Quit
	}
	return false
}

// ruleAbove says whether a rule is drawn above the i-th of items.
func ruleAbove(i int) bool { return i == 2 || i == 3+MaxApps }

// String writes the menu as its user sees it, one item a line, grey ones in
// parentheses.
func (m Menu) String() string {
	var b strings.Builder
	for i, it := range m.items() {
		if ruleAbove(i) {
			b.WriteString("---\n")
		}
		switch {
		case it.Label == "":
		case it.Do == nil:
			b.WriteString("(" + it.Label + ")\n")
		default:
			b.WriteString(it.Label + "\n")
		}
	}
	return b.String()
}
