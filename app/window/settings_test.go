package window

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

const setupCommand = "sudo /usr/libexec/tidegate-helper-setup"

// chosen is a user whose administrator lets them choose, and who has.
func chosen() session.State {
	s := signedIn()
	fixed := wire.DefaultSettings()
	fixed.IdleMost, fixed.HideValues = wire.Duration(30*time.Minute), true
	s.Fixed, s.Login, s.Version = &fixed, session.LoginOn, "0.1.0"
	s.Choices = session.Choices{Notices: session.NoticesImportant, Idle: wire.Duration(15 * time.Minute)}
	s.Helper = session.Helper{Phase: session.HelperReady, Version: "0.1.0", Command: setupCommand}
	return s
}

// bare is a machine on which little is as it could be, and nothing to choose.
func bare() session.State {
	s := chosen()
	fixed := wire.DefaultSettings()
	s.Fixed, s.Login, s.Choices = &fixed, session.LoginOff, session.Choices{}
	s.Keychain = session.KeychainLocked
	s.Helper = session.Helper{Phase: session.HelperStopped, Version: "0.1.0", Command: setupCommand}
	return s
}

// unhelped is one where setting the helper up came to nothing.
func unhelped() session.State {
	s := bare()
	s.Keychain = session.KeychainAbsent
	s.Helper.Problem = &session.Problem{Title: "Nothing here asks for an administrator's password", Detail: "The program pkexec, of polkit, is not installed.", Fix: "Type in a terminal: " + setupCommand}
	return s
}

// helped is one where it goes on.
func helped() session.State {
	s := bare()
	s.Helper.Working = true
	return s
}

func toSettings(b *bench) { b.pages.show(session.PageSettings) }

func toMachine(b *bench) { toSettings(b); b.pages.settings.scroll.ScrollToBottom() }

func settingsScenes() []scene {
	return []scene{
		{"settings-chosen", chosen(), toSettings},
		{"settings-bare", bare(), toMachine},
		{"settings-fixed", bare(), toSettings},
		{"settings-unhelped", unhelped(), toMachine},
		{"settings-helped", helped(), toMachine},
		{"small-settings-chosen", chosen(), func(b *bench) { small(b); toSettings(b) }},
		{"small-settings-unhelped", unhelped(), func(b *bench) { small(b); toMachine(b) }},
	}
}

// Each choice is a command; what holds is what the state says, and not what was pressed.
func TestSettingsAreCommands(t *testing.T) {
	for _, c := range []struct {
		press string
		state session.State
		want  session.Command
	}{
		{"Deutsch", chosen(), session.ChooseLanguage{Language: "de"}},
		{"Language: System", chosen(), session.ChooseLanguage{}},
		{"Notifications: None", chosen(), session.ChooseNotices{Notices: session.NoticesNone}},
		{"Idle time: 5 min", chosen(), session.ChooseIdle{Idle: wire.Duration(5 * time.Minute)}},
		{"Idle time: Default: 5 min", chosen(), session.ChooseIdle{}},
		{"Start at login", chosen(), session.StartAtLogin{}},
		{"Start at login", bare(), session.StartAtLogin{On: true}},
		{"Unlock", bare(), session.Retry{}},
		{"Try again", unhelped(), session.Retry{}},
		{"Set up: Helper", bare(), session.SetUpHelper{}},
	} {
		t.Run(c.press, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.apply(c.state)
			toSettings(b)
			if got := b.sent(); got != (session.LookAround{}) {
				t.Errorf("as the page was opened %#v was sent", got)
			}
			b.win.Resize(b.canvas().Size().AddWidthHeight(0, 1200))
			before := b.elements()
			b.press(c.press)
			if got := b.sent(); got != c.want {
				t.Errorf("sent %#v, want %#v", got, c.want)
			}
			for i, e := range b.elements() {
				if before[i].Text != e.Text {
					t.Errorf("%s %q holds %q before anybody said so", e.Kind, e.Label, e.Text)
				}
			}
		})
	}
}

// What the administrator fixed has a lock and cannot be chosen.
func TestFixedSettings(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.win.Resize(b.canvas().Size().AddWidthHeight(0, 1200))
	toSettings(b)
	b.apply(signedOut())
	b.silent("Set by your administrator", "Idle time", "Start at login", "Helper")
	b.apply(bare())
	b.says("Set by your administrator", "Idle time", "5 min", "Hidden values")
	p := b.pages.settings
	for _, r := range []*settingRow{p.idle.row, p.ride, p.lead, p.values, p.strict} {
		if r.pill.glyph.icon != "lock" || !r.pill.Visible() {
			t.Errorf("%s has the sign %q", r.title.text, r.pill.glyph.icon)
		}
	}
	if len(p.idle.buttons) != 0 {
		t.Errorf("%d idle times are offered", len(p.idle.buttons))
	}
	b.apply(chosen())
	var offers []string
	for _, x := range p.idle.buttons {
		if offers = append(offers, x.text); x.chosen != (x.text == "15 min") {
			t.Errorf("%s is chosen: %v", x.text, x.chosen)
		}
	}
	if d := cmp.Diff([]string{"Default: 5 min", "1 min", "5 min", "15 min", "30 min"}, offers); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	s := chosen()
	s.Choices.Idle = wire.Duration(7*time.Minute + 30*time.Second) // by the command line
	b.apply(s)
	b.says("Idle time: 7 min 30 s")
}

// The helper's row says what there is of it, and offers what would do some good.
func TestHelperRow(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.win.Resize(b.canvas().Size().AddWidthHeight(0, 1400))
	toSettings(b)
	with := func(h session.Helper) helperView {
		s := bare()
		s.Helper = h
		b.apply(s)
		return b.pages.settings.shows.helper
	}
	for phase, c := range map[session.HelperPhase]struct {
		word, text string
		setUp      bool
	}{
		session.HelperReady:   {"Ready", "Version 7.", false},
		session.HelperStopped: {"Not running", "network device", true},
		session.HelperClosed:  {"Not for you yet", "serves you too", true},
		session.HelperWaiting: {"Sign in anew", "Sign out of this desktop", false},
		session.HelperAbsent:  {"Not installed", "package brings it", false},
	} {
		if v := with(session.Helper{Phase: phase, Version: "7", Command: setupCommand}); v.word != c.word || !strings.Contains(v.text, c.text) || v.setUp != c.setUp {
			t.Errorf("%s: %+v", phase, v)
		}
		if got := b.labels()["Set up: Helper"].Enabled; got != c.setUp {
			t.Errorf("%s: it can be set up: %v", phase, got)
		}
	}
	if v := with(session.Helper{Phase: session.HelperStopped}); v.setUp || !strings.Contains(v.text, "Install Tidegate’s package again") {
		t.Errorf("what sets it up is missing: %+v", v)
	}
	b.apply(helped())
	if e := b.labels()["Set up: Helper"]; e.Enabled {
		t.Error("it is being set up, and can be pressed")
	}
	b.apply(unhelped())
	b.press("Copy command")
	if got := b.app.Clipboard().Content(); got != setupCommand {
		t.Errorf("copied %q", got)
	}
}

func TestSpanText(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 45 * time.Second: "45 s", 5 * time.Minute: "5 min", 90 * time.Second: "1 min 30 s", time.Hour: "1 h", 90 * time.Minute: "1 h 30 min"} {
		if got := spanText(wire.Duration(d)); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// Every language that there is can be chosen, and holds in the row.
func TestLanguagesAreOffered(t *testing.T) {
	english(t)
	b := newBench(t, alwaysDark)
	if got, want := len(b.pages.settings.language.buttons), len(lang.Languages())+1; got != want {
		t.Fatalf("%d are offered, want %d", got, want)
	}
	b.apply(in("fr", signedIn()))
	for i, x := range b.pages.settings.language.buttons {
		if x.chosen != (i == 3) {
			t.Errorf("%s is chosen: %v", x.text, x.chosen)
		}
	}
}
