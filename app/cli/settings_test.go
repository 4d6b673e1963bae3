package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestSettings(t *testing.T) {
	src := &apptest.Source{}
	src.Answer = func(cmd session.Command) error {
		src.Change(func(s *session.State) {
			switch cmd := cmd.(type) {
			case session.StartAtLogin:
				if s.Login = session.LoginOff; cmd.On {
					s.Login = session.LoginOn
				}
			case session.ChooseLanguage:
				s.Choices.Language = cmd.Language
			case session.ChooseNotices:
				s.Choices.Notices = cmd.Notices
			case session.ChooseIdle:
				s.Choices.Idle = cmd.Idle
			}
		})
		if cmd == (session.ChooseIdle{Idle: wire.Duration(3 * time.Hour)}) {
			return errors.New("your administrator allows an idle time of 2h0m0s at most; choose that or less")
		}
		return nil
	}
	s := state()
	fixed := wire.DefaultSettings()
	fixed.Idle, fixed.StrictDNS = wire.Duration(90*time.Minute), true
	s.Fixed, s.Tray, s.Login = &fixed, session.TrayPresent, session.LoginOff
	s.Helper = session.Helper{Phase: session.HelperReady, Version: "1.2"}
	src.Publish(s)
	settings := func(args ...string) result {
		var out, errs bytes.Buffer
		code := Run(t.Context(), append([]string{"settings"}, args...), Options{Out: &out, Err: &errs,
			Dial: func() (Client, error) { return running{src, make(chan struct{})}, nil }})
		return result{code, out.String(), errs.String()}
	}
	const list = `
SETTING         VALUE                 SET BY              MEANS
start-at-login  off                   you                 start with the desktop, in the tray
language        system                you                 of the window, the tray and the notifications
notifications   all                   you                 what the desktop tells you of
appearance      in the window         you                 light, dark, or as the desktop has it
controller      zta.example.com:8443  your administrator  where this device is enrolled
user            ada                   your administrator  who may sign in on it
idle            1h30m                 your administrator  a data channel that carries nothing for so long is suspended
ride-through    1m                    your administrator  an interruption of the control channel shorter than this prevents no access
warning-lead    5m                    your administrator  you are asked so long before access would lapse
stamp-rounding  15m                   your administrator  an answer counts from the next multiple of it
hide-values     off                   your administrator  you are told what kind of criterion failed, and not its values
strict-dns      on                    your administrator  names that are not your applications' go to the network's own servers, even beside a VPN
keychain        ready                 this machine        where the session is kept between two starts
helper          ready (1.2)           this machine        makes the network device by which all programs reach your applications
tray            present               this machine        whether the desktop shows the icon
names           not known now         this machine        how programs find your applications by name; tidegate dns says more
`
	const usage = "; `tidegate help` lists the commands\n"
	for _, tt := range []struct {
		line string
		want result
	}{
		{"", result{out: list[1:]}},
		{"show start-at-login", result{out: "Setting  start-at-login\nValue    off\nMeans    start with the desktop, in the tray\nSet by   you\nCan be   on, off\n"}},
		{"set start-at-login on", result{out: "start-at-login is on.\n"}},
		{"show start-at-login --json", result{out: "{\n  \"name\": \"start-at-login\",\n  \"value\": \"on\",\n  \"set_by\": \"you\",\n  \"means\": \"start with the desktop, in the tray\",\n  \"values\": [\n    \"on\",\n    \"off\"\n  ]\n}\n"}},
		{"set start-at-login off --json", result{out: "{\"ok\":true}\n"}},
		{"", result{out: list[1:]}},
		{"set start-at-login maybe", result{code: Usage, err: "tidegate: start-at-login is one of on, off, and not \"maybe\"" + usage}},
		{"set language fr", result{out: "language est fr.\n"}},
		{"show language", result{out: "Paramètre      language\nValeur         fr\nSignification  de la fenêtre, de l’icône et des notifications\nFixé par       vous\nPeut être      system, en, de, fr, es\n"}},
		{"show language --json", result{out: "{\n  \"name\": \"language\",\n  \"value\": \"fr\",\n  \"set_by\": \"you\",\n  \"means\": \"of the window, the tray and the notifications\",\n  \"values\": [\n    \"system\",\n    \"en\",\n    \"de\",\n    \"fr\",\n    \"es\"\n  ]\n}\n"}},
		{"set language system", result{out: "language is system.\n"}},
		{"set language tlh", result{code: Usage, err: "tidegate: language is one of system, en, de, fr, es, and not \"tlh\"" + usage}},
		{"set notifications none", result{out: "notifications is none.\n"}},
		{"set notifications all", result{out: "notifications is all.\n"}},
		{"", result{out: list[1:]}},
		{"set idle 1h", result{code: Denied, err: "tidegate: idle is fixed by your administrator; ask them to change it\n"}},
		{"set appearance dark", result{code: Usage, err: "tidegate: appearance is chosen in the window: tidegate window" + usage}},
		{"set tray absent", result{code: Usage, err: "tidegate: tray is as this machine has it, and is not set here" + usage}},
		{"show volume", result{code: Usage, err: "tidegate: there is no setting \"volume\"; `tidegate settings` lists them\n"}},
		{"set idle", result{code: Usage, err: "tidegate: it is: tidegate settings [show SETTING|set SETTING VALUE]" + usage}},
		{"idle", result{code: Usage, err: "tidegate: it is: tidegate settings [show SETTING|set SETTING VALUE]" + usage}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, settings(strings.Fields(tt.line)...), cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	var all []setting
	if err := json.Unmarshal([]byte(settings("--json").out), &all); err != nil || len(all) != len(settingNames()) {
		t.Errorf("%d settings, %v", len(all), err)
	}
	// Signed out, nobody knows whether the user may choose.
	src.Change(func(s *session.State) { s.Fixed = nil })
	want := result{code: Denied, err: "tidegate: whether idle is yours to set is not known now; sign in first: tidegate sign-in\n"}
	if diff := cmp.Diff(want, settings("set", "idle", "1h"), cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	src.Change(func(s *session.State) { s.Fixed = &fixed })
	// Where the administrator lets the user choose.
	src.Change(func(s *session.State) {
		f := *s.Fixed
		f.IdleMost = wire.Duration(2 * time.Hour)
		s.Fixed = &f
		s.Helper = session.Helper{Phase: session.HelperStopped, Command: "sudo setup"}
	})
	for _, tt := range []struct {
		line string
		want result
	}{
		{"show idle", result{out: "Setting  idle\nValue    1h30m\nMeans    a data channel that carries nothing for so long is suspended; any time up to the longest\nSet by   you\nCan be   default, 1m, 5m, 15m, 30m, 1h, 2h\n"}},
		{"set idle 25m", result{out: "idle is 25m.\n"}},
		{"show idle --json", result{out: "{\n  \"name\": \"idle\",\n  \"value\": \"25m\",\n  \"set_by\": \"you\",\n  \"means\": \"a data channel that carries nothing for so long is suspended; any time up to the longest\",\n  \"values\": [\n    \"default\",\n    \"1m\",\n    \"5m\",\n    \"15m\",\n    \"30m\",\n    \"1h\",\n    \"2h\"\n  ]\n}\n"}},
		{"set idle default", result{out: "idle is default.\n"}},
		{"set idle long", result{code: Usage, err: "tidegate: idle is default or a time, for example 2h, and not \"long\"" + usage}},
		{"set idle 3h", result{code: Failed, err: "tidegate: your administrator allows an idle time of 2h0m0s at most; choose that or less\n"}},
		{"show helper", result{out: "Setting  helper\nValue    stopped\nMeans    makes the network device by which all programs reach your applications; to set it up: sudo setup\nSet by   this machine\n"}},
	} {
		if diff := cmp.Diff(tt.want, settings(strings.Fields(tt.line)...), cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, diff)
		}
	}
}
