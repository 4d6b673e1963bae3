package window

import (
	"os/exec"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"github.com/tidegate/tidegate/session"
)

// The window must be testable without OpenGL, and hold no socket: what it
// imports decides both.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		for _, no := range []string{"fyne.io/fyne/v2/app", "fyne.io/fyne/v2/driver/desktop/glfw", "github.com/go-gl/", "github.com/quic-go/",
			"github.com/tidegate/tidegate/tunnel", "github.com/tidegate/tidegate/internal/policy", "github.com/tidegate/tidegate/app/local"} {
			if dep == no || strings.HasSuffix(no, "/") && strings.HasPrefix(dep, no) {
				t.Errorf("the window depends on %s", dep)
			}
		}
	}
}

func TestWhatTheWindowSays(t *testing.T) {
	away := lost()
	away.Apps = nil
	for _, c := range []struct {
		name  string
		state session.State
		page  session.Page
		says  []string
		not   []string
	}{
		{"not enrolled", notEnrolled(), "", []string{"Not enrolled", "This device belongs to no controller yet", words.emptyEnrolTitle, "Enrol this device"}, []string{words.search}},
		{"signed out", signedOut(), "", []string{"Signed out", "Sign in to reach your applications", words.emptyOutTitle, "Sign in", "maya"}, nil},
		{"connecting", connecting(), "", []string{"Connecting…", "Looking for the controller"}, nil},
		{"applications", signedIn(), "", []string{"Tidegate", "Tidewater Energy", "Protected", "ZTA", "North plant", "Connected", "Suspended", "18:36",
			"Maya Lindqvist", "Sales", "Operations", "Order desk", "orders.tidewater.example", "scada-north.tidewater.example:8443", "In use", "until 16:00", "Ready", "Needs you",
			"A one-time code is needed", "Blocked", "Outside the allowed hours", "SSH", "Web", "TCP"}, []string{words.emptyNoneTitle}},
		{"lost, with a list", lost(), "", []string{"Not protected", "The controller is not reached", "Try again", "Order desk", "Not reached"}, []string{"Ready", "In use"}},
		{"lost, without", away, "", []string{"Access is prevented until the controller is reached again"}, nil},
		{"activity", signedIn(), session.PageActivity, []string{"Today", "Yesterday", "You signed in.", "14:32:00"}, []string{"Order desk"}},
		{"settings", signedIn(), session.PageSettings, []string{"Tidewater Energy", "zta.tidewater.example:8443", "x4k9-m2p7-q8dz", "Keychain", "Tray icon", "HTTP/3", "System", "Dark", "Light"}, []string{"Order desk"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.apply(c.state)
			b.pages.show(c.page)
			b.says(c.says...)
			b.silent(append(c.not, "Connect", "Disconnect")...)
			if c.page == session.PageSettings {
				b.pages.settings.scroll.ScrollToBottom()
				b.says("Tidegate 0.1.0")
			}
		})
	}
}

// From one state to any other and back, the window says what it says of that
// state alone: nothing is left over.
func TestStatesLeaveNothingBehind(t *testing.T) {
	dismissed := mfaPrompt()
	dismissed.Prompt.Dismissed = true
	states := map[string]session.State{"not enrolled": notEnrolled(), "enrol": enrolPrompt(), "signed out": signedOut(), "sign in": signInPrompt(),
		"connecting": connecting(), "signed in": signedIn(), "mfa": mfaPrompt(), "dismissed": dismissed, "lost": lost(),
		"VPN": vpnUp(), "VPN ahead": vpnAhead(), "VPN form": vpnForms(), "certificate": vpnTrusts("")}
	fresh := map[string]string{}
	for name, s := range states {
		b := newBench(t, alwaysDark)
		b.apply(s)
		fresh[name] = b.text()
		toConnections(b)
		fresh[name+" connections"] = b.text()
	}
	b := newBench(t, alwaysDark)
	for from, s := range states {
		for to, next := range states {
			b.apply(s)
			b.apply(next)
			if got := b.text(); got != fresh[to] {
				t.Errorf("from %s to %s:\n%s\nwant:\n%s", from, to, got, fresh[to])
			}
			toConnections(b)
			if got := b.text(); got != fresh[to+" connections"] {
				t.Errorf("connections, from %s to %s:\n%s\nwant:\n%s", from, to, got, fresh[to+" connections"])
			}
			b.pages.show(session.PageApplications)
		}
	}
}

func (b *bench) text() string {
	var s strings.Builder
	for _, e := range b.elements() {
		s.WriteString(e.Kind + ": " + e.Label + "\n")
	}
	return s.String()
}

// No text is wider than its place, in any state and in the smallest window;
// only what may be shortened is, and then it has somewhere to be read whole.
func TestNothingIsCutOff(t *testing.T) {
	for name, s := range map[string]session.State{"applications": signedIn(), "lost": lost(), "not enrolled": notEnrolled(), "enrol": enrolPrompt(),
		"sign in": signInPrompt(), "everything": everythingPrompt(),
		"VPN": vpnUp(), "VPN ahead": vpnAhead(), "VPN long": vpnLong(), "VPN form": vpnWrong(), "VPN certificate": vpnTrusts("")} {
		for _, size := range []fyne.Size{fyne.NewSize(defaultWidth, defaultHeight), fyne.NewSize(1, 1), fyne.NewSize(1700, 1000)} {
			b := newBench(t, alwaysDark)
			b.win.Resize(size.Max(b.root.MinSize()))
			for _, page := range []session.Page{session.PageApplications, session.PageConnections, session.PageActivity, session.PageSettings} {
				b.pages.show(page)
				b.apply(s)
				b.roomy(name+" "+string(page), b.root)
				if m := b.layer.modal; m != nil {
					b.roomy(name+" dialog", m)
				}
			}
		}
	}
}

func (b *bench) roomy(where string, o fyne.CanvasObject) {
	b.t.Helper()
	if !o.Visible() {
		return
	}
	switch l := o.(type) {
	case *canvas.Text:
		if l.TextSize != float32(int(l.TextSize)) {
			b.t.Errorf("%s: %q has the size %v, which is not whole", where, l.Text, l.TextSize)
		}
	case *label:
		if need := l.font.measure(l.text); !l.elastic && need.Width > l.Size().Width+1 {
			b.t.Errorf("%s at %v: %q needs %.0f, has %.0f", where, b.canvas().Size(), l.text, need.Width, l.Size().Width)
		}
	case *button:
		if need := l.label.font.measure(l.text).Width + 16; l.text != "" && need > l.Size().Width {
			b.t.Errorf("%s at %v: the button %q needs %.0f, has %.0f", where, b.canvas().Size(), l.text, need, l.Size().Width)
		}
		return
	case *paragraph:
		if need := l.height(l.Size().Width); need > l.Size().Height+1 {
			b.t.Errorf("%s at %v: %q needs %.0f in height, has %.0f", where, b.canvas().Size(), l.text, need, l.Size().Height)
		}
	}
	if n, ok := o.(interface{ base() *node }); ok {
		for _, p := range n.base().parts {
			b.roomy(where, p)
		}
	}
}

func TestWindowObeysTheTrayProcess(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := signedIn()
	s.Window = session.WindowRequest{Seq: 3, Page: session.PageSettings}
	b.apply(s)
	if b.pages.page != session.PageSettings {
		t.Fatal("the first request is not obeyed")
	}
	b.pages.show(session.PageActivity)
	b.apply(s)
	if b.pages.page != session.PageActivity {
		t.Fatal("the same request is obeyed twice")
	}
	s.Window = session.WindowRequest{Seq: 4, App: "scada"}
	b.apply(s)
	b.says("Sluice control", "Enter a code")
	if b.layer.key != "app scada" || b.pages.page != session.PageApplications {
		t.Fatalf("the application is not shown: %q", b.layer.key)
	}
	s.Window = session.WindowRequest{Seq: 5, Page: session.PageActivity}
	b.apply(s)
	if b.layer.modal != nil || b.pages.page != session.PageActivity {
		t.Error("the layer of an application hides the page that was asked for")
	}
}

func TestScrollFocusAndTextSurviveStates(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := manyApps(500)
	b.apply(s)
	b.canvas().Focus(b.pages.apps.search)
	b.typed("application")
	b.pages.apps.grid.scroll.ScrollToOffset(fyne.NewPos(0, 900))
	for i := range 20 {
		s.Revision++
		s.Apps = append([]session.App(nil), s.Apps...)
		s.Apps[i].State, s.Apps[i].Flows = session.AppInUse, 1
		b.apply(s)
	}
	if got := b.pages.apps.search.Text; got != "application" {
		t.Errorf("the search is %q", got)
	}
	if b.canvas().Focused() != fyne.Focusable(b.pages.apps.search) {
		t.Error("the focus is gone")
	}
	if got := b.pages.apps.grid.scroll.Offset.Y; got != 900 {
		t.Errorf("the grid scrolled to %v", got)
	}
}

func TestThemeAndSizeAreRemembered(t *testing.T) {
	b := newBench(t, followSystem)
	b.apply(signedIn())
	b.pages.show(session.PageSettings)
	b.press("Light")
	if b.app.Preferences().String(prefAppearance) != "light" || b.look.choice != alwaysLight {
		t.Error("the theme is not kept")
	}
	b.options.OnClose = func() {}
	b.win.Resize(fyne.NewSize(1300, 900))
	b.closed()
	again := New(b.app, nil, Options{})
	defer again.win.Close()
	if got := again.canvas().Size(); got != fyne.NewSize(1300, 900) {
		t.Errorf("the window opens at %v", got)
	}
	if again.look.choice != alwaysLight {
		t.Error("the theme is forgotten")
	}
}

func TestClosingTellsTheProgram(t *testing.T) {
	b := newBench(t, alwaysDark)
	closed := 0
	b.options.OnClose = func() { closed++ }
	b.closed()
	if closed != 1 {
		t.Errorf("OnClose was called %d times", closed)
	}
}

// Where to go is the state's word, whether to come up its process's: who had both do so
// had it come up again after it was closed.
func TestObeyingDoesNotShow(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(signedIn())
	b.Hide()
	s := signedIn()
	s.Window = session.WindowRequest{Seq: s.Window.Seq + 1, Page: session.PageToday}
	if b.apply(s); !b.hidden || b.pages.page != session.PageToday {
		t.Errorf("hidden: %v, on page %s", b.hidden, b.pages.page)
	}
}
