package window

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestZTAButtonIsActiveOnlyWithTheControlChannel(t *testing.T) {
	for _, c := range []struct {
		name string
		zta  session.ZTA
		want ztaView
	}{
		{"nothing known", session.ZTA{}, ztaView{mode: ztaInactive}},
		{"established", session.ZTA{Active: true, Allowed: true}, ztaView{mode: ztaActive}},
		{"in use", session.ZTA{Active: true, Allowed: true, InUse: true}, ztaView{mode: ztaInUse}},
		{"attention", session.ZTA{Active: true, Allowed: true, InUse: true, Attention: true}, ztaView{mode: ztaAttention}},
		{"connecting", session.ZTA{Working: true}, ztaView{mode: ztaWorking, turning: true}},
		{"riding through", session.ZTA{Working: true, Allowed: true, InUse: true}, ztaView{mode: ztaWorking, turning: true}},
		{"signing in, established", session.ZTA{Active: true, Working: true}, ztaView{mode: ztaActive, turning: true}},
		{"lost", session.ZTA{InUse: true}, ztaView{mode: ztaInactive}},
		{"signed out", session.ZTA{Attention: true}, ztaView{mode: ztaInactive, badge: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.says = "ZTA: "
			if got := ztaOf(session.State{ZTA: c.zta}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSideOf(t *testing.T) {
	got := sideOf(signedIn())
	want := sideView{
		organisation: "Tidewater Energy",
		zta:          ztaView{mode: ztaInUse, says: "ZTA: Protected"},
		title:        "Protected", detail: "Your applications are reachable",
		facts: []factView{
			{"hub", "Controller", "Connected", good},
			{"lan", "North plant", "Connected", good},
			{"lan", "Head office", "Suspended", neutral},
			{"schedule", "Session until", "18:36", neutral},
		},
		user: userView{initials: "ML", name: "Maya Lindqvist", detail: "maya", action: actSignOut},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(sideView{}, ztaView{}, factView{}, userView{})); d != "" {
		t.Error(d)
	}
}

func TestFactsSayHowManySitesTheyLeaveOut(t *testing.T) {
	s := signedIn()
	s.User.Expires = time.Time{}
	for range 5 {
		s.Sites = append(s.Sites, session.Site{ID: "more"})
	}
	facts := factsOf(s)
	if n := len(facts); n != 1+shownSites+1 || facts[n-1].name != "4 more" {
		t.Errorf("got %+v", facts)
	}
}

func TestUserOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		state session.State
		want  userView
	}{
		{"not enrolled", notEnrolled(), userView{name: "Not enrolled", detail: "Enrol this device", action: actEnrol}},
		{"signed out", signedOut(), userView{name: "maya", detail: "Signed out", action: actSignIn}},
		{"connecting", connecting(), userView{name: "maya", detail: "Connecting…", action: actSignOut}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := userOf(c.state); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	for name, want := range map[string]string{"": "", "maya": "M", "åsa berg": "ÅB", "Jan van der Berg": "JB"} {
		if got := initials(name); got != want {
			t.Errorf("initials(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestBannerSaysTheMostUrgentThing(t *testing.T) {
	put := func(s session.State) session.State {
		p := *s.Prompt
		p.Dismissed = true
		s.Prompt = &p
		return s
	}
	lapsed := put(mfaPrompt())
	lapsed.Prompt.Deadline = time.Time{}
	unreachable := put(mfaPrompt())
	unreachable.ZTA.Allowed = false
	unreachable.Problems = lost().Problems
	locked := signedIn()
	locked.Problems = []session.Problem{
		{Title: "Locked out", Detail: "Too many attempts", Until: noon.Add(time.Hour)},
		{Title: "Less urgent"},
	}
	for _, c := range []struct {
		name                  string
		state                 session.State
		title, detail, action string
		command               session.Command
	}{
		{"all is well", signedIn(), "", "", "", nil},
		{"a prompt that is open", mfaPrompt(), "", "", "", nil},
		{"a dismissed prompt", put(mfaPrompt()), "Verify to keep Bastion host and Sluice control", "Access lapses at 14:40.", "Verify", session.ShowPrompt{}},
		{"a dismissed prompt, lapsed", lapsed, "Verify to use Bastion host and Sluice control", "Access is blocked until you answer.", "Verify", session.ShowPrompt{}},
		{"a dismissed prompt that nobody would hear", unreachable, "The controller is not reached", "Access to your applications is prevented. Check whether this device is online.", "Try again", session.Retry{}},
		{"what only informs", informed(), "This desktop shows no tray icons", "Tidegate runs all the same, and this window does all that the icon would. On GNOME, switch on the AppIndicator extension to see the icon.", "Got it", session.Acknowledge{Code: "tray-absent"}},
		{"a warning", competed(), "openvpn (adapter tun0) answers for your applications too", "It has claimed the names below harbour.example, which are your applications'. Lookups of them go there, too or instead, and may lead elsewhere. Take harbour.example out of its DNS settings, or disconnect it while you use the applications. `tidegate dns explain NAME` says who answers for a name.", "Got it", session.Acknowledge{Code: "dns-competitor-harbour.example-tun0"}},
		{"the first of two problems, with its end", locked, "Locked out", "Too many attempts. Try again at 15:36.", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := bannerOf(c.state)
			if got.title != c.title || got.detail != c.detail || got.action != c.action || got.command != c.command {
				t.Errorf("got %+v", got)
			}
		})
	}
	if v := bannerOf(competed()); v.tone != warn || v.icon != "warning" {
		t.Errorf("a warning is shown as %+v", v)
	}
	if v := bannerOf(informed()); v.tone != accent || v.icon != "info" {
		t.Errorf("what only informs is shown as %+v", v)
	}
	for name, want := range map[string]session.Command{
		"retry": session.Retry{}, "sign-in": session.ShowPrompt{}, "enrol": session.ShowPrompt{},
		"show-prompt": session.ShowPrompt{}, "sign-out": session.SignOut{}, "": nil, "answer": nil,
	} {
		if _, got := actionOf(name, session.State{}); got != want {
			t.Errorf("the action %q sends %v, want %v", name, got, want)
		}
	}
}

func TestEmptyOf(t *testing.T) {
	none := signedIn()
	none.Apps = nil
	away := lost()
	away.Apps = nil
	for _, c := range []struct {
		name   string
		state  session.State
		found  int
		title  string
		action string
	}{
		{"not enrolled", notEnrolled(), 0, words.emptyEnrolTitle, words.enrol},
		{"signed out, even with a list", func() session.State { s := signedIn(); s.Control.Phase = session.ControlSignedOut; return s }(), 9, words.emptyOutTitle, words.signIn},
		{"the keychain is opened", keyless(session.KeychainUnknown), 0, "Opening the keychain…", ""},
		{"the keychain is locked", keyless(session.KeychainLocked), 0, "Waiting for the keychain", ""},
		{"the key is lost", func() session.State {
			s := keyless(session.KeychainReady)
			s.Problems = []session.Problem{{Code: "key-lost"}}
			return s
		}(), 0, words.emptyEnrolTitle, words.enrol},
		{"connecting", connecting(), 0, words.emptyWaitTitle, ""},
		{"established, and nothing told yet", untold(), 0, words.emptyWaitTitle, ""},
		{"lost", away, 0, "Access is prevented until the controller is reached again", words.retry},
		{"lost, with a list", lost(), 9, "", ""},
		{"none", none, 0, words.emptyNoneTitle, ""},
		{"no hits", signedIn(), 0, "No application matches “x”", words.searchClear},
		{"applications", signedIn(), 9, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := emptyOf(c.state, "x", c.found); got.title != c.title || got.action != c.action {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// untold is signed in before the controller has told of the user.
func untold() session.State {
	s := connecting()
	s.Control.Phase = session.ControlEstablished
	return s
}

func TestCardOf(t *testing.T) {
	s := signedIn()
	for _, c := range []struct {
		app                string
		word, foot, expiry string
		why                bool
	}{
		{"crm", "Ready", "", "", false},
		{"orders", "In use", "Orders, prices and stock", "until 16:00", false},
		{"reports", "Blocked", "Outside the allowed hours", "until Sat 08:36", true},
		{"scada", "Needs you", "A one-time code is needed", "", true},
	} {
		a, _ := appOf(s, wire.AppID(c.app))
		v := cardOf(a, noon)
		if v.state.word != c.word || v.foot != c.foot || v.until != c.expiry || v.why != c.why {
			t.Errorf("%s: got %+v", c.app, v)
		}
	}
	odd := session.App{Name: "Odd", Icon: "../../etc/passwd", Host: "h"}
	if v := cardOf(&odd, noon); v.state.word != "Blocked" || v.foot != words.unknownWhy || v.icon != "lan" || v.host != "h" {
		t.Errorf("an application in an unknown state is %+v", v)
	}
	for outlook, word := range map[session.Outlook]string{session.OutlookAsks: "Asks first", session.OutlookClosed: "Closed", session.OutlookOpen: "Ready"} {
		foreseen := session.App{Name: "Crane", Host: "h", Description: "Lift", State: session.AppReady, Foreseen: outlook}
		foot := "Lift"
		if outlook != session.OutlookOpen {
			foreseen.Why, foot = session.Why{Title: "Too late", Brief: "After hours"}, "After hours"
		}
		if v := cardOf(&foreseen, noon); v.state.word != word || v.state.tone != neutral || v.foot != foot || v.why {
			t.Errorf("foreseen to be %s: %+v", outlook, v)
		}
	}
	signs := map[string]bool{}
	for _, st := range []session.AppState{session.AppReady, session.AppInUse, session.AppNeedsYou, session.AppBlocked} {
		signs[stateOf(&session.App{State: st}).icon] = true
	}
	if len(signs) != 4 {
		t.Error("two states differ by colour alone")
	}
}

func TestDetailOf(t *testing.T) {
	s := signedIn()
	get := func(id wire.AppID) detailView {
		a, _ := appOf(s, id)
		return detailOf(s, a)
	}
	if v := get("bastion"); v.address != "127.83.14.6:2222" || v.command != "ssh -p 2222 127.83.14.6" || v.site != "North plant · Connected" ||
		v.data != "48.2 kB ↑   1.9 MB ↓" || v.used != "Today 14:35" || !v.openable || v.until != "14:45" {
		t.Errorf("in use: %+v", v)
	}
	if v := get("scada"); v.openable || v.cure != "Enter a code" || v.title != "A one-time code is needed" || v.fix == "" || v.text == "" || v.decision != "d-2w8h5t1x" {
		t.Errorf("needs you: %+v", v)
	}
	if v := get("reports"); v.openable || v.cure != "" || v.until != "tomorrow 08:36" || v.untilIs != words.factAgain {
		t.Errorf("blocked: %+v", v)
	}
	for i := range s.Apps {
		s.Apps[i].Flows, s.Apps[i].Parked = 2, 2
	}
	if v := get("bastion"); v.title != "Open, and at rest" || v.flows != "2 · at rest" || !v.openable {
		t.Errorf("at rest: %+v", v)
	}
	for i := range s.Apps {
		s.Apps[i].Parked = 1
	}
	if v := get("bastion"); v.title != "In use" || v.flows != "2 · 1 at rest" {
		t.Errorf("partly at rest: %+v", v)
	}
	s.ZTA.Allowed = false
	if v := get("crm"); v.openable {
		t.Error("an application opens while access is prevented")
	}
	if v := get("scada"); v.cure != "" {
		t.Error("a cure is offered that nobody would hear")
	}
}

func TestEventSigns(t *testing.T) {
	for kind, want := range map[string]string{"signed-in": "login", "channel-suspended": "dark_mode", "channel-connected": "lan",
		"app-cut": "block", "app-removed": "block", "app-added": "open_in_new", "session-ended": "logout", "control-lost": "cloud_off", "something-new": "info",
		"vpn-connected": "vpn_key", "vpn-disconnected": "vpn_key", "vpn-interrupted": "cloud_off", "vpn-failed": "cloud_off", "vpn-ended": "logout",
		"vpn-warning": "warning", "vpn-warning-over": "check_circle", "vpn-other": "vpn_key"} {
		if got, _ := signOf(kind); got != want {
			t.Errorf("%s has the sign %s, want %s", kind, got, want)
		}
	}
}
