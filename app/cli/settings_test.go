package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func TestSettings(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_DIRS", filepath.Join(config, "none"))
	src := &apptest.Source{}
	s := state()
	fixed := wire.DefaultSettings()
	fixed.Idle, fixed.StrictDNS = wire.Duration(90*time.Minute), true
	s.Fixed, s.Tray = &fixed, session.TrayPresent
	src.Publish(s)
	settings := func(args ...string) result {
		var out, errs bytes.Buffer
		code := Run(t.Context(), append([]string{"settings"}, args...), Options{Out: &out, Err: &errs, Program: "/usr/bin/tidegate",
			Profile: profile.Profile{Name: "work", Config: filepath.Join(config, "tidegate-work")},
			Dial:    func() (Client, error) { return running{src, make(chan struct{})}, nil }})
		return result{code, out.String(), errs.String()}
	}
	const list = `
SETTING         VALUE                 SET BY              MEANS
start-at-login  off                   you                 start with the desktop, in the tray
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
		{"set idle 1h", result{code: Denied, err: "tidegate: idle is fixed by your administrator; ask them to change it\n"}},
		{"set appearance dark", result{code: Usage, err: "tidegate: appearance is chosen in the window: tidegate window" + usage}},
		{"set tray absent", result{code: Usage, err: "tidegate: tray is as this machine has it, and is not set here" + usage}},
		{"show volume", result{code: Usage, err: "tidegate: there is no setting \"volume\"; `tidegate settings` lists them" + usage}},
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
	// What cannot be read is said, and not taken for off.
	file := filepath.Join(config, "autostart", "org.tidegate.Tidegate.work.desktop")
	if err := os.MkdirAll(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := settings(); got.code != Failed || !strings.Contains(got.err, "read the autostart file") {
		t.Errorf("%+v", got)
	}
}
