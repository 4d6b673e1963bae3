package window

import (
	"cmp"
	"errors"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate/tidegate/session"
)

// scene is a state of the window, and what the user did to it.
type scene struct {
	name  string
	state session.State
	do    func(*bench)
}

// scenes are the main states: every page, dialog and banner.
func scenes() []scene {
	dismissed := mfaPrompt()
	dismissed.Prompt.Dismissed = true
	wrong := signInPrompt()
	wrong.Prompt.Error = &session.Problem{Title: "That did not match", Detail: "The password or the code is wrong", Fix: "Check both and try again"}
	locked := signInPrompt()
	locked.Prompt.Error = &session.Problem{Title: "Too many attempts", Until: noon.Add(15 * time.Minute)}
	busy := mfaPrompt()
	busy.Prompt.Busy = true
	none := signedIn()
	none.Apps = nil
	return append(slices.Concat(homeScenes(), appScenes(), todayScenes(), diagnosisScenes(), enrolmentScenes(), settingsScenes()), []scene{
		{"applications", signedIn(), nil},
		{"search", signedIn(), func(b *bench) { b.canvas().Focus(b.pages.apps.search); b.typed("o") }},
		{"search-none", signedIn(), func(b *bench) { b.canvas().Focus(b.pages.apps.search); b.typed("zebra") }},
		{"focus", signedIn(), func(b *bench) { b.canvas().Focus(b.pages.apps.grid); b.key("Down") }},
		{"detail-in-use", signedIn(), func(b *bench) { b.pages.apps.open("bastion") }},
		{"detail-needs-you", signedIn(), func(b *bench) { b.pages.apps.open("scada") }},
		{"detail-blocked", signedIn(), func(b *bench) { b.pages.apps.open("reports") }},
		{"activity", signedIn(), func(b *bench) { b.pages.show(session.PageActivity) }},
		{"activity-search", signedIn(), func(b *bench) {
			b.pages.show(session.PageActivity)
			b.canvas().Focus(b.pages.activity.search)
			b.typed("plant")
		}},
		{"activity-none", signedIn(), func(b *bench) { b.pages.show(session.PageActivity); b.pages.activity.kinds.choose(4) }},
		{"activity-export", signedIn(), func(b *bench) {
			b.pages.show(session.PageActivity)
			b.press(activityWords.export)
			b.layer.face.(*exporting).say(fs.ErrExist)
		}},
		{"settings", signedIn(), func(b *bench) { b.pages.show(session.PageSettings) }},
		{"menu", signedIn(), func(b *bench) { b.menu = true; b.settle() }},
		{"mfa", mfaPrompt(), func(b *bench) { b.typed("123") }},
		{"mfa-busy", busy, nil},
		{"mfa-dismissed", dismissed, nil},
		{"everything", everythingPrompt(), nil},
		{"choice", choicePrompt(), nil},
		{"choice-password", choicePrompt(), func(b *bench) { b.press("Password"); b.typed("secret") }},
		{"choice-message", choicePrompt(), func(b *bench) { b.press("Message") }},
		{"missed", missed(), nil},
		{"detail-terms", denied(false), func(b *bench) { b.pages.apps.open("scada") }},
		{"detail-hidden", denied(true), func(b *bench) { b.pages.apps.open("scada") }},
		{"small-choice", choicePrompt(), small},
		{"small-terms", denied(false), func(b *bench) { small(b); b.pages.apps.open("scada") }},
		{"sign-in", signInPrompt(), func(b *bench) { b.typed("secret") }},
		{"sign-in-wrong", wrong, nil},
		{"sign-in-locked", locked, nil},
		{"signed-out", signedOut(), nil},
		{"enrol", enrolPrompt(), nil},
		{"not-enrolled", notEnrolled(), nil},
		{"connecting", connecting(), nil},
		{"keychain-opening", keyless(session.KeychainUnknown), toHome},
		{"keychain-shut", keyless(session.KeychainLocked), toHome},
		{"small-keychain-shut", keyless(session.KeychainLocked), small},
		{"lost", lost(), nil},
		{"none", none, nil},
		{"quit", signedIn(), func(b *bench) { b.quit() }},
		{"stopped", signedIn(), func(b *bench) { b.Show(); b.Stopped(func() {}) }},
		{"not-started", signedIn(), func(b *bench) {
			b.Show()
			b.Stopped(func() {})
			b.NotStarted(errors.New("the disk is full"))
		}},
		{"toast", signedIn(), func(b *bench) { b.say(openedWord(session.OpenTerminal)) }},
		{"many", manyApps(2000), nil},
		{"acknowledge", informed(), nil},
		{"dns-competitor", competed(), nil},
		{"dns-unasked", unasked(), nil},
		{"dns-settings", served(), func(b *bench) { b.pages.show(session.PageSettings) }},
		{"small-dns-unasked", unasked(), small},
		{"mfa-lapsed", lapsed(), nil},
		{"mfa-wrong", wrongCode(), nil},
		{"small-applications", signedIn(), small},
		{"small-lost", farAway(), small},
		{"small-everything", everythingPrompt(), small},
		{"small-sign-in", lockedOutOfSignIn(), small},
		{"small-settings", signedIn(), func(b *bench) { small(b); b.pages.show(session.PageSettings) }},
		{"small-activity", signedIn(), func(b *bench) { small(b); b.pages.show(session.PageActivity) }},
		{"small-detail", signedIn(), func(b *bench) { small(b); b.pages.apps.open("scada") }},
		{"vpn", vpnUp(), toConnections},
		{"vpn-banner", vpnUp(), nil},
		{"vpn-details", vpnUp(), func(b *bench) {
			toConnections(b)
			b.press("Details: IPv6 goes around Head office")
		}},
		{"vpn-empty", signedIn(), toConnections},
		{"vpn-ahead", vpnAhead(), toConnections},
		{"vpn-missing", vpnMissing(), toConnections},
		{"vpn-many", manyVPNs(50), toConnections},
		{"vpn-long", vpnLong(), toConnections},
		{"vpn-form", vpnForms(), toConnections},
		{"vpn-form-error", vpnWrong(), toConnections},
		{"vpn-form-unfolded", vpnForms(), func(b *bench) { b.press("Group: Staff members") }},
		{"vpn-trust", vpnTrusts("DigiCert TLS RSA SHA256 2020 CA1"), toConnections},
		{"vpn-trust-nobody", vpnTrusts(""), toConnections},
		{"vpn-add", vpnUp(), func(b *bench) { toConnections(b); b.press("Add a connection") }},
		{"vpn-edit", vpnUp(), func(b *bench) { toConnections(b); b.pages.connections.edit("v1") }},
		{"vpn-edit-below", vpnUp(), func(b *bench) {
			toConnections(b)
			b.pages.connections.edit("v1")
			b.layer.modal.scroll.ScrollToBottom()
		}},
		{"vpn-remove", vpns(), func(b *bench) { toConnections(b); b.pages.connections.remove("v1") }},
		{"small-vpn", vpnUp(), func(b *bench) { small(b); toConnections(b) }},
		{"small-vpn-ahead", vpnAhead(), func(b *bench) { small(b); toConnections(b); b.pages.connections.scroll.ScrollToBottom() }},
		{"small-vpn-long", vpnLong(), func(b *bench) { small(b); toConnections(b) }},
		{"small-hint", signedIn(), func(b *bench) {
			small(b)
			b.canvas().Focus(b.pages.tabs[session.PageToday])
			b.now = b.now.Add(hintAfter)
			b.rings()
		}},
		{"small-vpn-edit", vpnUp(), func(b *bench) { small(b); toConnections(b); b.pages.connections.addOne() }},
	}...)
}

// Pictures of the main states in both themes: rendered in memory always, and
// kept where TIDEGATE_PICTURES names a folder, with texts of TIDEGATE_TEXT
// percent in the language TIDEGATE_LANGUAGE. They are for eyes, and are compared with nothing.
func TestPictures(t *testing.T) {
	dir := os.Getenv("TIDEGATE_PICTURES")
	percent, err := strconv.Atoi(cmp.Or(os.Getenv("TIDEGATE_TEXT"), "100"))
	if err != nil {
		t.Fatal(err)
	}
	for n, choice := range []appearance{alwaysDark, alwaysLight} {
		for i, p := range scenes() {
			if dir == "" && (i%2 != n || i/2%oneIn != 0) {
				continue // for nobody's eyes each is painted once, and small
			}
			t.Run(p.name+"-"+string(choice), func(t *testing.T) {
				english(t)
				p.state.Choices.Language = os.Getenv("TIDEGATE_LANGUAGE")
				b := newSized(t, choice, percent)
				b.apply(p.state)
				if p.do != nil {
					p.do(b)
				}
				if dir == "" {
					b.canvas().(interface{ SetScale(float32) }).SetScale(0.4)
				}
				img := b.canvas().Capture()
				if img.Bounds().Empty() {
					t.Error("the picture is empty")
				}
				if dir != "" {
					keep(t, filepath.Join(dir, p.name+"-"+string(choice)+".png"), img)
				}
			})
		}
	}
}

func keep(t *testing.T, name string, img image.Image) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, img); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// small makes the window as small as it goes.
func small(b *bench) { b.win.Resize(b.root.MinSize()) }

func informed() session.State {
	s := signedIn()
	s.Tray = session.TrayAbsent
	s.Problems = []session.Problem{{Code: "tray-absent", Title: "This desktop shows no tray icons", Action: "acknowledge",
		Detail: "Tidegate runs all the same, and this window does all that the icon would.",
		Fix:    "On GNOME, switch on the AppIndicator extension to see the icon."}}
	return s
}

func competed() session.State {
	s := signedIn()
	s.Problems = []session.Problem{{Code: "dns-competitor-harbour.example-tun0", Title: "openvpn (adapter tun0) answers for your applications too", Action: "acknowledge", Warning: true,
		Detail: "It has claimed the names below harbour.example, which are your applications'. Lookups of them go there, too or instead, and may lead elsewhere.",
		Fix:    "Take harbour.example out of its DNS settings, or disconnect it while you use the applications. `tidegate dns explain NAME` says who answers for a name."}}
	return s
}

func served() session.State {
	s := signedIn()
	s.Local.DNS = &session.DNS{NameService: session.NameService{Mode: "resolved-delegate", Zones: []string{"harbour.example"}}}
	return s
}

func unasked() session.State {
	s := signedIn()
	s.Problems = []session.Problem{{Code: "dns-unasked", Title: "Your browser has not looked up wiki.harbour.example here", Action: "acknowledge", Warning: true,
		Detail: "It probably asks a DNS service of its own (DNS over HTTPS), which does not know your applications.",
		Fix: "Firefox: Settings, Privacy & Security, DNS over HTTPS: Off, or the name under Manage Exceptions. " +
			"Chrome and Edge: Settings, Privacy and security, Security: \"Use secure DNS\" off."}}
	return s
}

func lapsed() session.State {
	s := mfaPrompt()
	s.Prompt.Deadline = time.Time{}
	s.Prompt.Interactions[0].Message = "Enter the code that your authenticator shows."
	return s
}

func wrongCode() session.State {
	s := mfaPrompt()
	s.Prompt.Error = &session.Problem{Title: "The answer was not accepted", Fix: "Try again; a one-time code works once: wait for the next one."}
	return s
}

func lockedOutOfSignIn() session.State {
	s := signInPrompt()
	s.Prompt.Error = &session.Problem{Title: "Too many wrong answers", Detail: "Sign-in is locked for a while.", Fix: "Wait until then, or ask your administrator.", Until: noon.Add(15 * time.Minute)}
	return s
}

func farAway() session.State {
	s := lost()
	s.Problems = []session.Problem{{Code: "controller-lost", Title: "The controller is not reached", Action: "retry",
		Detail: "Access to your applications is prevented until zta.tidewater.example:8443 answers again.",
		Fix:    "Check your network. Tidegate keeps trying by itself."}}
	return s
}
