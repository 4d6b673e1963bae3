package window

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// noon is when the states here are from.
var noon = time.Date(2026, 11, 20, 14, 36, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// fakeClient records commands and yields what is sent to it.
type fakeClient struct {
	mu     sync.Mutex
	done   []session.Command
	err    error
	states chan session.State
	events []session.Event // what it keeps
}

func (f *fakeClient) Watch(ctx context.Context) iter.Seq[session.State] {
	return func(yield func(session.State) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case s, ok := <-f.states:
				if !ok || !yield(s) {
					return
				}
			}
		}
	}
}

func (f *fakeClient) Do(_ context.Context, c session.Command) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if (c != session.LookAhead{}) {
		f.done = append(f.done, c)
	}
	return f.err
}

func (f *fakeClient) History(_ context.Context, q session.HistoryQuery) (session.History, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return q.Select(f.events), f.err
}

func (f *fakeClient) Diagnose(_ context.Context, told func(diag.Progress)) (diag.Report, error) {
	told(diag.Progress{Done: 1, Total: 2, Title: "The controller"})
	return diagnosed(), f.err
}

// testApp is one for all tests: Fyne reads its fonts anew for each.
var testApp = sync.OnceValue(test.NewApp)

// bench is a window without Run: the test's goroutine is Fyne's thread.
type bench struct {
	*Window
	t   testing.TB
	now time.Time

	looked int // commands to look ahead that order has passed over
}

func newBench(t testing.TB, choice appearance) *bench { return newSized(t, choice, 100) }

// newSized is newBench with texts of that size.
func newSized(t testing.TB, choice appearance, percent int) *bench {
	t.Helper()
	a := testApp()
	a.Preferences().SetInt(prefTextScale, percent)
	a.Preferences().SetString(prefAppearance, string(choice))
	a.Preferences().RemoveValue(prefAppShape)
	a.Preferences().RemoveValue(prefWidth)
	a.Preferences().RemoveValue(prefHeight)
	b := &bench{t: t, now: noon}
	b.Window = New(a, nil, Options{Now: func() time.Time { return b.now }})
	b.thread = func(f func()) { f() }
	b.pages.show(session.PageApplications) // where most tests begin
	t.Cleanup(func() {
		b.win.Close()
		if t, ok := t.(*testing.T); ok {
			forgotten(t, b.root)
		}
	})
	return b
}

// forgotten has Fyne forget the widgets of a window, which it would keep for a minute:
// those of all tests are a gigabyte, and the collector goes through it again and again.
func forgotten(t *testing.T, o fyne.CanvasObject) {
	switch o := o.(type) {
	case *fyne.Container:
		for _, p := range o.Objects {
			forgotten(t, p)
		}
	case fyne.Widget:
		for _, p := range test.TempWidgetRenderer(t, o).Objects() {
			forgotten(t, p)
		}
	}
}

// sent takes the next command that was sent, and reports nil to its sender.
func (b *bench) sent() session.Command {
	b.t.Helper()
	o := b.order()
	if o.command != nil {
		o.done(b.refusal())
	}
	return o.command
}

// order is the next command under way, but for those to look ahead, which pages send by
// themselves. The zero order: there is none.
func (b *bench) order() order {
	for {
		select {
		case o := <-b.queue:
			if (o.command != session.LookAhead{}) {
				return o
			}
			o.done(nil)
			b.looked++
		default:
			return order{}
		}
	}
}

// looks counts the commands to look ahead since the last call, which order passes over.
func (b *bench) looks() (n int) {
	for b.sent() != nil {
	}
	n, b.looked = b.looked, 0
	return n
}

func (b *bench) refusal() error { return nil }

func (b *bench) key(name fyne.KeyName) {
	k := &fyne.KeyEvent{Name: name}
	if f := b.canvas().Focused(); f != nil {
		f.TypedKey(k)
		return
	}
	b.canvas().OnTypedKey()(k)
}

func (b *bench) typed(s string) {
	b.t.Helper()
	f := b.canvas().Focused()
	if f == nil {
		b.t.Fatal("nothing has the focus")
	}
	for _, r := range s {
		f.TypedRune(r)
	}
}

// press presses what has that label, in the language of the window.
func (b *bench) press(label string) {
	b.t.Helper()
	label = lang.T(label)
	for _, e := range b.elements() {
		if e.Label == label && e.Enabled && e.Kind != "text" {
			at := fyne.NewPos(e.X+e.W/2, e.Y+e.H/2)
			test.TapCanvas(b.canvas(), at)
			return
		}
	}
	b.t.Fatalf("there is nothing to press called %q", label)
}

func (b *bench) labels() map[string]Element {
	found := map[string]Element{}
	for _, e := range b.elements() {
		if old, ok := found[e.Label]; !ok || old.Kind == "text" || !old.Enabled {
			found[e.Label] = e
		}
	}
	return found
}

func (b *bench) says(texts ...string) {
	b.t.Helper()
	found := b.labels()
	for _, t := range texts {
		if _, ok := found[t]; !ok {
			b.t.Errorf("the window does not say %q", t)
		}
	}
}

func (b *bench) silent(texts ...string) {
	b.t.Helper()
	found := b.labels()
	for _, t := range texts {
		if _, ok := found[t]; ok {
			b.t.Errorf("the window says %q", t)
		}
	}
}

// The states of the pictures and tests.

func enrolled() session.State {
	return session.State{
		Revision: 7, At: noon, Version: "0.1.0",
		Enrolment: session.Enrolment{Controller: "zta.tidewater.example:8443", Name: "Tidewater Energy", User: "maya", Device: "x4k9-m2p7-q8dz"},
		Keychain:  session.KeychainReady, Tray: session.TrayPresent,
	}
}

func signedIn() session.State {
	s := enrolled()
	s.Control = session.ControlChannel{Phase: session.ControlEstablished, Transport: "h3", Since: noon}
	s.ZTA = session.ZTA{Active: true, Allowed: true, InUse: true, Title: "Protected", Detail: "Your applications are reachable"}
	s.User = session.User{Name: "maya", DisplayName: "Maya Lindqvist", Session: "s1", Expires: noon.Add(4 * time.Hour)}
	s.Sites = []session.Site{
		{ID: "north", Name: "North plant", State: session.Connected, Flows: 2},
		{ID: "office", Name: "Head office", State: session.Suspended},
	}
	s.Apps = []session.App{
		app("crm", "Customer CRM", "Sales", "https", "crm.tidewater.example", 443, session.AppReady),
		app("orders", "Order desk", "Sales", "https", "orders.tidewater.example", 443, session.AppInUse),
		app("reports", "Quarterly reports", "Sales", "https", "reports.tidewater.example", 443, session.AppBlocked),
		app("scada", "Sluice control", "Operations", "https", "scada-north.tidewater.example", 8443, session.AppNeedsYou),
		app("bastion", "Bastion host", "Operations", "ssh", "bastion.tidewater.example", 22, session.AppInUse),
		app("historian", "Tide historian", "Operations", "tcp", "historian.tidewater.example", 5432, session.AppReady),
		app("metrics", "Metrics", "Operations", "https", "metrics.tidewater.example", 443, session.AppReady),
		app("git", "Source control", "Engineering", "ssh", "git.tidewater.example", 22, session.AppReady),
		app("ci", "Build farm", "Engineering", "https", "ci.tidewater.example", 443, session.AppReady),
	}
	for i, icon := range []string{"contacts", "shopping_cart", "bar_chart", "electric_bolt", "terminal", "database", "monitoring", "commit", "build"} {
		s.Apps[i].Icon, s.Apps[i].Color = icon, 1+(i*7)%20
	}
	s.Apps[1].Flows, s.Apps[1].Until = 2, noon.Add(84*time.Minute)
	s.Apps[1].Description = "Orders, prices and stock"
	s.Apps[2].Why = session.Why{Kind: wire.ReasonTime, Title: "Outside the allowed hours", Detail: "Reports can be opened from 08:30 to 12:00.", Fix: "Come back tomorrow at 08:30."}
	s.Apps[2].Until, s.Apps[2].Decision = noon.Add(18*time.Hour), "d-7f3k2m9q"
	s.Apps[3].Why = session.Why{Kind: wire.ReasonMFA, Title: "A one-time code is needed", Detail: "The last code was entered more than an hour ago.", Fix: "Enter a code from your authenticator."}
	s.Apps[3].Cure, s.Apps[3].Decision = []wire.InteractionKind{wire.InteractionMFA}, "d-2w8h5t1x"
	s.Apps[4].Flows, s.Apps[4].Up, s.Apps[4].Down = 1, 48_200, 1_930_000
	s.Apps[4].Connections = []session.Connection{{Via: session.ViaAddress, Since: noon.Add(-84 * time.Minute), Up: 48_200, Down: 1_930_000}}
	s.Apps[4].LastUsed = noon.Add(-time.Minute)
	s.Apps[4].Description = "The way to machines in the north plant"
	s.Apps[4].OpenWith, s.Apps[4].Open = "ssh -p 2222 127.83.14.6", session.OpenTerminal
	s.Apps[4].Listen, s.Apps[4].Site, s.Apps[4].Decision = netip.MustParseAddrPort("127.83.14.6:2222"), "north", "d-9c4b7v2n"
	s.Apps[4].Until = noon.Add(9 * time.Minute)
	s.Events = []session.Event{
		{Seq: 1, At: noon.Add(-26 * time.Hour), Kind: "signed-in", Text: "You signed in."},
		{Seq: 2, At: noon.Add(-25 * time.Hour), Kind: "channel-suspended", Text: "The connection to North plant went to sleep after five quiet minutes."},
		{Seq: 3, At: noon.Add(-50 * time.Minute), Kind: "control-established", Text: "The controller was reached again."},
		{Seq: 4, At: noon.Add(-20 * time.Minute), Kind: "channel-connected", Text: "North plant is connected, because Bastion host was used."},
		{Seq: 5, At: noon.Add(-9 * time.Minute), Kind: "prompt", Text: "Sluice control asks for a one-time code."},
		{Seq: 6, At: noon.Add(-4 * time.Minute), Kind: "app-cut", Text: "Quarterly reports: open connections were closed, because access is allowed from 08:30 to 12:00 only. It opens again tomorrow."},
	}
	return s
}

func app(id, name, group, scheme, host string, port uint16, st session.AppState) session.App {
	a := session.App{ID: wire.AppID(id), Name: name, Group: group, Protocol: scheme, Host: host, Port: port, State: st,
		Link: fmt.Sprintf("%s://%s:%d", scheme, host, port), Site: "office", Entitlement: "e"}
	a.Open, a.OpenWith = session.OpenBrowser, a.Link
	if scheme != "https" {
		a.Open, a.OpenWith = session.OpenCopy, fmt.Sprintf("127.83.14.9:%d", port)
	}
	return a
}

func notEnrolled() session.State {
	return session.State{At: noon, Version: "0.1.0", ZTA: session.ZTA{Title: "Not enrolled", Detail: "This device belongs to no controller yet"}}
}

func enrolPrompt() session.State {
	s := notEnrolled()
	s.Prompt = &session.Prompt{ID: "e1", Kind: session.PromptEnrol}
	return s
}

// proposedPrompt asks about a link that was clicked.
func proposedPrompt() session.State {
	s := notEnrolled()
	s.Prompt = &session.Prompt{ID: "enrol-1", Kind: session.PromptEnrol, Proposed: "zta.example:8443"}
	return s
}

// keyless is enrolled, and the keychain has not given out the key of the device.
func keyless(k session.Keychain) session.State {
	s := enrolled()
	s.Keychain = k
	s.ZTA = session.ZTA{Working: true, Title: "Starting", Detail: "Opening the keychain"}
	if k == session.KeychainLocked {
		s.ZTA = session.ZTA{Attention: true, Title: "Keychain", Detail: "The device key is not at hand"}
		s.Problems = []session.Problem{{Code: "keychain-locked", Title: "The keychain is locked", Action: "retry",
			Detail: "The device key and your session are in it.", Fix: "Unlock the keychain, then try again."}}
	}
	return s
}

func signedOut() session.State {
	s := enrolled()
	s.Control.Phase = session.ControlSignedOut
	s.ZTA = session.ZTA{Attention: true, Title: "Signed out", Detail: "Sign in to reach your applications"}
	return s
}

func signInPrompt() session.State {
	s := signedOut()
	s.Prompt = &session.Prompt{ID: "s1", Kind: session.PromptSignIn, User: "maya", Code: true}
	return s
}

func lost() session.State {
	s := signedIn()
	s.Control = session.ControlChannel{Phase: session.ControlLost, Since: noon}
	s.ZTA = session.ZTA{Title: "Not protected", Detail: "The controller has not answered for two minutes. Access is prevented until it does."}
	s.Problems = []session.Problem{{Code: "controller", Title: "The controller is not reached", Detail: "Access to your applications is prevented.", Fix: "Check whether this device is online.", Action: "retry"}}
	for i := range s.Apps {
		s.Apps[i].State = session.AppBlocked
		s.Apps[i].Flows = 0
		s.Apps[i].Why = session.Why{Title: "The controller is not reached"}
	}
	s.Sites[0].State = session.Disconnected
	return s
}

func connecting() session.State {
	s := enrolled()
	s.Control.Phase = session.ControlConnecting
	s.ZTA = session.ZTA{Working: true, Title: "Connecting…", Detail: "Looking for the controller"}
	return s
}

func mfaPrompt() session.State {
	s := signedIn()
	s.ZTA.Attention, s.ZTA.Title, s.ZTA.Detail = true, "Action needed", "Verify to keep Bastion host"
	s.Prompt = &session.Prompt{ID: "i1", Kind: session.PromptInteraction, Apps: []wire.AppID{"bastion", "scada"},
		Interactions: []wire.Interaction{{Kind: wire.InteractionMFA}}, Deadline: noon.Add(4*time.Minute + 12*time.Second)}
	return s
}

func everythingPrompt() session.State {
	s := mfaPrompt()
	s.Prompt.ID = "i2"
	s.Prompt.Interactions = []wire.Interaction{
		{Kind: wire.InteractionMessage, Message: "Work on the sluices is logged. Call the control room on 4400 before you change a set point."},
		{Kind: wire.InteractionMFA},
		{Kind: wire.InteractionPassword},
		{Kind: wire.InteractionReason, Message: "Which ticket is it for?"},
	}
	return s
}

// choicePrompt leaves the user a choice.
func choicePrompt() session.State {
	s := mfaPrompt()
	s.Prompt.ID = "i3"
	s.Prompt.Interactions = nil
	s.Prompt.Choice = []wire.Interaction{
		{Kind: wire.InteractionMFA},
		{Kind: wire.InteractionPassword, Message: "The password of your account"},
		{Kind: wire.InteractionMessage, Message: "Work on the sluices is logged."},
	}
	return s
}

// missed is a prompt that was not answered in time.
func missed() session.State {
	s := mfaPrompt()
	p := *s.Prompt
	p.Missed, p.Deadline = true, time.Time{}
	s.Prompt = &p
	return s
}

// denied is an application that several criteria deny; hidden, by kind alone.
func denied(hidden bool) session.State {
	s := signedIn()
	a := &s.Apps[3]
	a.Since, a.Hidden = noon.Add(-17*time.Minute-25*time.Second), hidden
	a.Failing = []session.Failing{
		{Kind: wire.ReasonMFA, Condition: "sluices", Title: "One-time code", Found: "answered", Answered: noon.Add(-66 * time.Minute), Text: "within(responses.mfa, duration(\"60m\"))", Claim: "responses.mfa", Reported: "2026-11-20T13:30:00Z"},
		{Kind: wire.ReasonDevice, Condition: "sluices", Title: "Firewall", Found: "off", Text: "device.firewall", Claim: "device.firewall", Reported: "false"},
		{Kind: wire.ReasonMissing, Condition: "sluices", Title: "Agent running", Found: "not reported", Text: "device.agent_running", Claim: "device.agent_running"},
	}
	if hidden {
		a.Failing = []session.Failing{
			{Kind: wire.ReasonMFA, Condition: "sluices", Title: "One-time code"},
			{Kind: wire.ReasonDevice, Condition: "sluices", Title: "This device"},
			{Kind: wire.ReasonMissing, Condition: "sluices", Title: "Something that is not known"},
		}
	}
	return s
}

func manyApps(n int) session.State {
	s := signedIn()
	s.Apps = nil
	for i := range n {
		a := app(fmt.Sprintf("app-%04d", i), fmt.Sprintf("Application %04d", i), fmt.Sprintf("Group %02d", i*20/n), "https", fmt.Sprintf("host-%04d.example", i), 443, session.AppReady)
		s.Apps = append(s.Apps, a)
	}
	return s
}
