package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// An answer that did not get where it was to go is no success, whatever the command.
func TestAnswerThatIsNotWritten(t *testing.T) {
	for _, line := range []string{"status", "apps", "why wiki", "status --json", "help", "status --help", "completion fish", "settings"} {
		src := &apptest.Source{}
		src.Publish(state())
		var errs bytes.Buffer
		code := Run(t.Context(), strings.Fields(line), Options{In: strings.NewReader(""), Out: full{}, Err: &errs,
			Dial: func() (Client, error) { return running{src, make(chan struct{})}, nil }})
		if code != Failed || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%s: %d, %q", line, code, errs.String())
		}
	}
}

// Columns begin where a terminal has them begin, whatever the script of what is in them.
func TestTablesOfAllScripts(t *testing.T) {
	s := state()
	s.Apps = []session.App{
		{ID: "a", Name: "給与計算", State: session.AppReady, OpenWith: "x"},
		{ID: "b", Name: "Zürich\u0308", State: session.AppReady, OpenWith: "x"}, // an accent of its own
		{ID: "c", Name: "pay\x1b[2Jroll\n🚢", State: session.AppReady, OpenWith: "x"},
	}
	src := &apptest.Source{}
	src.Publish(s)
	const want = `ID  NAME           STATE  OPEN WITH
a   給与計算       ready  x
b   Züricḧ         ready  x
c   pay[2Jroll 🚢  ready  x
`
	if got := invoke(t, src, "", "apps"); got.out != want {
		t.Errorf("got\n%swant\n%s", got.out, want)
	}
}

// Who mistypes is told what may have been meant.
func TestMistyped(t *testing.T) {
	s := state()
	s.Enrolments = []session.Enrolment{{Device: "d1", Controller: "harbour.example:443", Name: "Harbour"}}
	s.VPN.Connections = []session.VPNConnection{{VPNSettings: session.VPNSettings{ID: "a", Address: "vpn.example"}}}
	for line, want := range map[string]string{
		"vpn remove vpn.exmaple": "there is no VPN \"vpn.exmaple\", did you mean \"vpn.example\"?; `tidegate vpn` lists them",
		"stauts":                 "there is no command \"stauts\", did you mean \"status\"?; `tidegate help` lists the commands",
		"open wikki":             "there is no application \"wikki\", did you mean \"wiki\"?; `tidegate apps` lists them",
		"switch Habour":          "there is no enrolment \"Habour\", did you mean \"Harbour\"?; `tidegate enrolments` lists them",
		"settings show langauge": "there is no setting \"langauge\", did you mean \"language\"?; `tidegate settings` lists them",
		"--json status":          "a command comes first, and its flags, such as --json, behind it; `tidegate help` lists the commands",
	} {
		src := &apptest.Source{}
		src.Publish(s)
		if got := invoke(t, src, "", strings.Fields(line)...); got.err != "tidegate: "+want+"\n" || got.code == Done {
			t.Errorf("%s: %+v", line, got)
		}
	}
}
