package window

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/session"
)

// walk presses Tab n times and names what had the focus each time.
func (b *bench) walk(n int) []string {
	var names []string
	for range n {
		b.canvas().FocusNext()
		name := "?"
		for _, e := range b.elements() {
			if e.Focused {
				name = e.Kind + " " + e.Label
			}
		}
		names = append(names, name)
	}
	return names
}

func TestTabOrder(t *testing.T) {
	settings := func(b *bench) { b.pages.show(session.PageSettings) }
	for _, c := range []struct {
		name  string
		state session.State
		do    func(*bench)
		want  []string
	}{
		{"applications", signedIn(), nil, []string{"zta ZTA: Protected", "user Maya Lindqvist", "tab Home", "tab Applications", "tab Today", "tab Connections", "tab Activity", "tab Settings",
			"field Search applications", "tab Show as cards", "tab Show as a list", "card Bastion host", "zta ZTA: Protected"}},
		{"settings", signedIn(), settings, []string{"zta ZTA: Protected", "user Maya Lindqvist", "tab Home", "tab Applications", "tab Today", "tab Connections", "tab Activity", "tab Settings",
			"tab System", "tab Dark", "tab Light", "tab Text size 100 %", "tab Text size 125 %", "tab Text size 150 %", "tab Language: System", "tab English", "tab Deutsch", "tab Français", "tab Español", "tab Notifications: All", "tab Notifications: Important", "tab Notifications: None", "button Copy Device", "button Check now", "zta ZTA: Protected"}},
		{"connections", vpnUp(), toConnections, []string{"zta ZTA: Protected", "user Maya Lindqvist", "tab Home", "tab Applications", "tab Today", "tab Connections", "tab Activity", "tab Settings",
			"button ZTA: open the applications", "button Details: IPv6 goes around Head office", "button Details: Head office keeps everything to itself, and Tidegate goes through it",
			"button Add a connection", "button Disconnect Head office", "button Edit Head office", "button Connect North plant, maintenance", "button Edit North plant, maintenance",
			"button Remove North plant, maintenance", "zta ZTA: Protected"}},
		{"a VPN's form", vpnForms(), func(b *bench) { b.canvas().Unfocus() }, []string{"button Group: Staff members", "field Username:", "secret Password:", "button Show password", "secret Token code",
			"button Show password", "button Cancel", "button Group: Staff members"}},
		{"a VPN's certificate", vpnTrusts(""), func(b *bench) { b.canvas().Unfocus() }, []string{"button Copy Fingerprint of its key", "button Do not connect", "button Trust this server", "button Copy Fingerprint of its key"}},
		{"a connection's settings", vpns(), func(b *bench) { toConnections(b); b.pages.connections.edit("v1"); b.canvas().Unfocus() }, []string{"field Server’s address", "field Name", "button Kind of VPN: Cisco AnyConnect / ocserv",
			"field User name", "field Group or realm", "button Forget: Trusted certificate", "check Route monitoring", "check Traffic enforcement", "check Stealth mode", "check Always-on VPN or lock-down",
			"check Location awareness", "check IPv6", "button Cancel", "button Save", "field Server’s address"}},
		{"signed out", signedOut(), nil, []string{"zta ZTA: Signed out", "user maya", "tab Home", "tab Applications", "tab Today", "tab Connections", "tab Activity", "tab Settings", "button Sign in", "zta ZTA: Signed out"}},
		// In a dialog Tab goes round, and never leaves it.
		{"sign in", signInPrompt(), func(b *bench) { b.canvas().Unfocus() }, []string{"secret Password", "button Show password", "code One-time code", "button Later", "secret Password"}},
		{"everything", everythingPrompt(), func(b *bench) { b.canvas().Unfocus() }, []string{"code One-time code", "secret Password", "button Show password", "field Reason", "button Later", "code One-time code"}},
		{"application", signedIn(), func(b *bench) { b.pages.apps.open("scada"); b.canvas().Unfocus() }, []string{"tab Pin Sluice control", "button Close", "button Enter a code", "button Copy for the helpdesk", "button Copy Decision", "tab Pin Sluice control"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.apply(c.state)
			if c.do != nil {
				c.do(b)
			}
			if d := cmp.Diff(c.want, b.walk(len(c.want))); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFirstFocus(t *testing.T) {
	for name, c := range map[string]struct {
		state session.State
		want  string
	}{
		"VPN": {vpnForms(), "Password:"}, "certificate": {vpnTrusts("x"), vpnWords.distrust},
		"enrol": {enrolPrompt(), words.enrolField}, "sign in": {signInPrompt(), words.password}, "code": {mfaPrompt(), words.code},
	} {
		b := newBench(t, alwaysDark)
		b.apply(c.state)
		if e := b.labels()[c.want]; !e.Focused {
			t.Errorf("%s: %s has not the focus", name, c.want)
		}
	}
}

func TestFocusIsVisible(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	rings := func(of fyne.CanvasObject) (n int) {
		var count func(fyne.CanvasObject)
		count = func(o fyne.CanvasObject) {
			if !o.Visible() {
				return
			}
			if s, ok := o.(*surface); ok && s.stroke == roleFocus && s.width == 2 {
				n++
			}
			if z, ok := o.(*ztaButton); ok && nrgba(z.focus.StrokeColor).A != 0 {
				n++
			}
			if s, ok := o.(*container.Scroll); ok {
				count(s.Content)
			}
			if nd, ok := o.(interface{ base() *node }); ok {
				for _, p := range nd.base().parts {
					count(p)
				}
			}
		}
		count(of)
		return n
	}
	for i := range 8 {
		b.canvas().FocusNext()
		if got := rings(b.root); got != 1 {
			t.Errorf("after %d times Tab there are %d rings", i+1, got)
		}
	}
	b.apply(vpnUp())
	toConnections(b)
	for i := range 16 {
		b.canvas().FocusNext()
		if got := rings(b.root); got != 1 {
			t.Errorf("on the connections after %d times Tab there are %d rings", i+1, got)
		}
	}
	b.pages.connections.edit("v1")
	for i := range 14 {
		b.canvas().FocusNext()
		if got := rings(b.layer.modal); got != 1 {
			t.Errorf("in the dialog after %d times Tab there are %d rings", i+1, got)
		}
	}
}

func TestKeys(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	chord := func(k fyne.KeyName) {
		s := &desktop.CustomShortcut{KeyName: k, Modifier: fyne.KeyModifierShortcutDefault}
		if f, ok := b.canvas().Focused().(fyne.Shortcutable); ok {
			f.TypedShortcut(s)
			return
		}
		b.canvas().(fyne.Shortcutable).TypedShortcut(s)
	}
	for key, page := range map[fyne.KeyName]session.Page{fyne.Key1: session.PageHome, fyne.Key2: session.PageApplications, fyne.Key3: session.PageToday, fyne.Key4: session.PageConnections, fyne.Key5: session.PageActivity, fyne.Key6: session.PageSettings} {
		if chord(key); b.pages.page != page {
			t.Errorf("Ctrl+%s does not show %s", key, page)
		}
	}
	chord(fyne.Key6)
	chord(fyne.KeyF)
	if b.pages.page != session.PageApplications || b.canvas().Focused() != fyne.Focusable(b.pages.apps.search) {
		t.Error("Ctrl+F does not search")
	}
	b.typed("operations")
	chord(fyne.Key4) // while typing
	chord(fyne.Key2)
	if got := b.pages.apps.search.Text; got != "operations" || len(b.pages.apps.found) != 4 {
		t.Errorf("%q finds %d", got, len(b.pages.apps.found))
	}
	b.canvas().Focus(b.pages.apps.search)
	b.key(fyne.KeyDown)
	b.key(fyne.KeyRight)
	if e := b.labels()["Bastion host"]; !e.Focused {
		t.Error("the arrows do not reach the second card")
	}
	b.key(fyne.KeyReturn)
	if b.layer.key != "app bastion" {
		t.Errorf("Enter opens %q", b.layer.key)
	}
	chord(fyne.Key3)
	if b.pages.page != session.PageApplications {
		t.Error("a page turns below a dialog")
	}
	b.key(fyne.KeyEscape)
	if b.layer.modal != nil {
		t.Error("Esc does not close the layer")
	}
	b.canvas().Focus(b.pages.apps.search)
	b.key(fyne.KeyEscape)
	if b.pages.apps.search.Text != "" || len(b.pages.apps.found) != 9 {
		t.Error("Esc does not clear the search")
	}
	b.key(fyne.KeyEscape)
	if b.canvas().Focused() != nil {
		t.Error("Esc does not leave the search")
	}
}

func TestGridCursor(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(manyApps(200))
	g := b.pages.apps.grid
	b.canvas().Focus(g)
	columns := g.sheet.columns
	if columns != 3 {
		t.Fatalf("%d columns", columns)
	}
	var at []int
	for _, k := range []fyne.KeyName{fyne.KeyRight, fyne.KeyDown, fyne.KeyDown, fyne.KeyDown, fyne.KeyDown, fyne.KeyLeft, fyne.KeyUp, fyne.KeyEnd, fyne.KeyRight, fyne.KeyHome, fyne.KeyUp} {
		b.key(k)
		at = append(at, g.cursor)
	}
	// Groups have ten applications: three rows of three, and one of one.
	if want := []int{1, 4, 7, 9, 10, 9, 6, 199, 199, 0, 0}; !slices.Equal(at, want) {
		t.Errorf("the cursor went %v, want %v", at, want)
	}
	b.key(fyne.KeyEnd)
	if e := b.labels()["Application 0199"]; !e.Focused || e.H < cardHeight {
		t.Errorf("the last card is not wholly visible: %+v", e)
	}
}

// In the smallest window a dialog that fits is seen whole, and one that does
// not scrolls to what has the focus.
func TestDialogsInALowWindow(t *testing.T) {
	b := newBench(t, alwaysDark)
	small(b)
	b.apply(lockedOutOfSignIn())
	if e := b.labels()["Later"]; e.H < 42 {
		t.Errorf("of the button's height %v is seen", e.H)
	}
	b.apply(everythingPrompt())
	for range 4 {
		b.canvas().FocusNext()
		for _, e := range b.elements() {
			if e.Focused && e.H < 34 {
				t.Errorf("%s %q has the focus, and %v of its height is seen", e.Kind, e.Label, e.H)
			}
		}
	}
}

// In the smallest window whatever has the focus is scrolled to, on the connections
// page and in their dialogs.
func TestConnectionsInALowWindow(t *testing.T) {
	b := newBench(t, alwaysDark)
	small(b)
	toConnections(b)
	seen := func(where string, n int) {
		t.Helper()
		for range n {
			b.canvas().FocusNext()
			for _, e := range b.elements() {
				if e.Focused && e.H < 30 {
					t.Errorf("%s: %s %q has the focus, and %v of its height is seen", where, e.Kind, e.Label, e.H)
				}
			}
		}
	}
	b.apply(vpnUp())
	seen("page", 20)
	b.apply(vpnAhead())
	seen("page, ahead", 20)
	b.pages.connections.edit("v1")
	seen("settings", 16)
	b.key(fyne.KeyEscape)
	b.apply(vpnWrong())
	seen("form", 9)
	b.apply(vpnTrusts(""))
	seen("certificate", 4)
}

// What has the focus first is seen, however long what stands above it is, and before
// the driver has laid anything out.
func TestALongQuestionShowsItsField(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := vpnForms()
	s.VPN.Prompt.Message = strings.Repeat("Whatever you do here is recorded. ", 60)
	s.VPN.Prompt.Fields = []session.VPNField{{Kind: session.VPNText, Label: "Answer"}}
	b.apply(s)
	m, input := b.layer.modal, b.layer.face.(*vpnForm).fields[0].typed.input
	b.canvas().Overlays().Remove(m)
	m.scroll.ScrollToTop()
	b.reveal(input)
	seen := func() bool {
		y, ok := below(m.body, input)
		return ok && y >= m.scroll.Offset.Y && y+input.Size().Height <= m.scroll.Offset.Y+m.scroll.Size().Height
	}
	if !seen() {
		t.Errorf("the field is not in sight: the dialog is scrolled by %v", m.scroll.Offset.Y)
	}
	b.canvas().Overlays().Add(m)
	b.canvas().Focus(input)
	b.key(fyne.KeyPageUp)
	b.key(fyne.KeyPageUp)
	if m.scroll.Offset.Y != 0 {
		t.Errorf("Page Up leaves the dialog scrolled by %v", m.scroll.Offset.Y)
	}
	b.key(fyne.KeyPageDown)
	b.key(fyne.KeyPageDown)
	if !seen() {
		t.Error("Page Down does not lead to the end")
	}
}
