package window

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// diagnosed is what is found here.
func diagnosed() diag.Report {
	r := diag.Report{At: time.Date(2026, 11, 20, 14, 36, 0, 0, time.Local), Version: "1", Checks: []diag.Check{
		{ID: "enrolment", Title: "Enrolment", Outcome: diag.Good, Text: "This device is enrolled with Tidewater (zta.tidewater.example:8443) for maya."},
		{ID: "controller-quic", Title: "The controller over QUIC (UDP)", Outcome: diag.Warning, Text: "zta.tidewater.example:8443 is not reached: no answer within 5 s.",
			Fix: "It works over TCP all the same, but slower. Ask your network's administrator to allow UDP to port 8443."},
		{ID: "controller-tls", Title: "The controller over TLS (TCP)", Outcome: diag.Good, Text: "zta.tidewater.example:8443 is reached in 23 ms."},
		{ID: "controller-mtu", Title: "Packets' size on the way to the controller", Text: "It cannot be found out: nothing came back over UDP."},
		{ID: "clock", Title: "The clock", Outcome: diag.Bad, Text: "This machine's clock is 4 min 12 s ahead of the controller's, give or take 12 ms.", Fix: "Have this machine's clock set from the network: timedatectl set-ntp true"},
		{ID: "helper", Title: "The helper", Outcome: diag.Good, Text: "It is there and answers."},
		{ID: "names", Title: "Applications' names", Outcome: diag.Warning, Text: "Programs do not find applications by their names: there is no helper on this machine.",
			Fix: "Install the package of Tidegate, which has it, or reach applications as `tidegate dns` says."},
	}}
	if lang.Tag() != "en" { // as it is made in the user's language
		for i, said := range [][3]string{
			{lang.T("Enrolment"), lang.F("This device is enrolled with %s (%s) for %s.", "Tidewater", "zta.tidewater.example:8443", "maya"), ""},
			{lang.F("%s over %s", lang.T("The controller"), "QUIC (UDP)"), lang.F("%s is not reached: %s.", "zta.tidewater.example:8443", lang.F("no answer within %s", "5 s")),
				lang.F("It works over TCP all the same, but slower. Ask your network's administrator to allow UDP to %s.", lang.F("port %s", "8443"))},
			{lang.F("%s over %s", lang.T("The controller"), "TLS (TCP)"), lang.F("%s is reached in %s.", "zta.tidewater.example:8443", "23 ms"), ""},
			{lang.T("Packets' size on the way to the controller"), lang.T("It cannot be found out: nothing came back over UDP."), ""},
			{lang.T("The clock"), lang.F("This machine's clock is %s ahead of the controller's, give or take %s.", "4 min 12 s", "12 ms"), lang.T("Have this machine's clock set from the network: timedatectl set-ntp true")},
			{lang.T("The helper"), lang.T("It is there and answers."), ""},
			{lang.T("Applications' names"), lang.T("Programs do not find applications by their names: there is no helper on this machine."),
				lang.T("Install the package of Tidegate, which has it, or reach applications as `tidegate dns` says.")},
		} {
			r.Checks[i].Here = diag.Words{Title: said[0], Text: said[1], Fix: said[2]}
		}
	}
	r.Files = []diag.File{{Name: "summary.txt", Text: r.Summary()}, {Name: "log.txt", Text: strings.Repeat("time=2026-11-20T14:36:00 level=INFO msg=\"a line\"\n", 300)},
		{Name: "state.json", Text: "{\n  \"revision\": 7\n}\n"}}
	return r
}

// answer carries out the next thing that was asked of the client.
func (b *bench) answer(from <-chan question) {
	b.t.Helper()
	select {
	case q := <-from:
		if then := q(b.t.Context()); then != nil {
			then()
		}
	default:
		b.t.Fatal("nothing was asked")
	}
}

// checked is a window with a diagnosis that has ended.
func checked(b *bench) {
	b.client = &fakeClient{}
	b.apply(signedIn())
	b.pages.show(session.PageSettings)
	b.diagnose()
	b.answer(b.slow)
}

func TestDiagnosis(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	b := newBench(t, alwaysDark)
	b.client = &fakeClient{}
	b.apply(signedIn())
	b.win.Resize(fyne.NewSize(1160, 1500)) // the page is long
	b.pages.show(session.PageSettings)
	b.press(diagWords.start)
	b.says(diagWords.working)
	b.diagnosis.progress = diag.Progress{Done: 3, Total: 17, Title: "The controller"}
	b.diagnosis.changed()
	b.says("3 of 17 · The controller")
	b.answer(b.slow)
	b.says("One thing is wrong.", "The clock", "Wrong", "Look", "Not known", "Have this machine’s clock set from the network: timedatectl set-ntp true", diagWords.helpdeskText)
	b.says("Applications’ names", "Install the package of Tidegate, which has it, or reach applications as “tidegate dns” says.")

	b.press(diagWords.read + " state.json")
	b.says("state.json", "3 lines", `  "revision": 7`)
	b.key(fyne.KeyEscape)
	b.says(diagWords.helpdeskText)
	b.diagnosis.file = &b.diagnosis.report.Files[1]
	b.diagnosis.changed()
	b.says("Lines 1 to 120 of 300")
	b.press(diagWords.more)
	b.press(diagWords.more)
	b.says("Lines 241 to 300 of 300")
	b.key(fyne.KeyEscape)

	f := b.layer.face.(*diagnosis).file.input
	if want := filepath.Join(home, "tidegate-diag-20261120-143600.tar.gz"); f.Text != want {
		t.Errorf("it is to be saved as %s", f.Text)
	}
	f.SetText(filepath.Join(home, "none", "x.tar.gz"))
	b.diagnosis.save()
	b.answer(b.asks)
	b.says("There is no such folder; choose one that is there.")
	path := filepath.Join(home, "x.tar.gz")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what was typed anew is asked for anew
		f.SetText(" ~/x.tar.gz")
		b.press(diagWords.save)
		b.answer(b.asks)
		b.says(activityWords.exportThere)
		if info, err := os.Stat(path); err != nil || info.Size() != 0 {
			t.Errorf("it was replaced unasked: %v", err)
		}
		f.SetText("y.tar.gz")
	}
	f.SetText("x.tar.gz") // the same, as seen from the user's folder
	b.press(diagWords.save)
	b.answer(b.asks)
	b.says(activityWords.exportOver)
	b.canvas().Focus(f)
	b.key(fyne.KeyReturn)
	b.answer(b.asks)
	b.says("Saved as " + path)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
	b.key(fyne.KeyEscape)
	if b.layer.modal != nil || b.diagnosis != nil {
		t.Error("the dialog is open still")
	}
}

// What was found is said in the user's language, and saved in the helpdesk's.
func TestDiagnosisInGerman(t *testing.T) {
	english(t)
	b := newBench(t, alwaysDark)
	b.client = &fakeClient{}
	b.apply(in("de", signedIn()))
	b.pages.show(session.PageSettings)
	b.diagnose()
	b.diagnosis.progress = diag.Progress{Done: 3, Total: 17, Title: "The controller", Here: lang.T("The controller")}
	b.diagnosis.changed()
	b.says("3 von 17 · Der Controller")
	b.answer(b.slow)
	b.says("Es gibt ein Problem.", "Die Uhr", "Der Controller über QUIC (UDP)", "Lassen Sie die Uhr dieses Rechners über das Netzwerk stellen: timedatectl set-ntp true")
	b.says("Installieren Sie Tidegates Paket, das ihn mitbringt, oder erreichen Sie Anwendungen so, wie es „tidegate dns“ angibt.")
	b.silent("The clock", "One thing is wrong.", "It is there and answers.")
	b.diagnosis.file = &b.diagnosis.report.Files[0]
	b.diagnosis.changed()
	b.says("One thing is wrong.")
}

// A diagnosis that is given up ends, and one that fails may be tried again.
func TestDiagnosisIsGivenUp(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.client = &fakeClient{err: errors.New("Tidegate ended before it was done")}
	b.apply(signedIn())
	b.diagnose()
	b.answer(b.slow)
	b.says("That did not work: Tidegate ended before it was done")
	b.press(diagWords.again)
	b.says(diagWords.working)
	b.key(fyne.KeyEscape)
	if b.layer.modal != nil {
		t.Error("the dialog is open still")
	}
	var over bool
	b.client = waiting{&fakeClient{}, &over}
	b.answer(b.slow)
	if !over || b.layer.modal != nil {
		t.Error("it was not given up")
	}
}

// waiting is a client whose diagnosis lasts until it is given up.
type waiting struct {
	*fakeClient
	over *bool
}

func (w waiting) Diagnose(ctx context.Context, _ func(diag.Progress)) (diag.Report, error) {
	<-ctx.Done()
	*w.over = true
	return diag.Report{}, ctx.Err()
}

func TestParted(t *testing.T) {
	for _, text := range []string{"", "a", "a\nb\n", strings.Repeat("line\n", 500), strings.Repeat("x", 3*partBytes) + "\ny\n", strings.Repeat(strings.Repeat("y", 100)+"\n", 300)} {
		whole, last := "", 0
		for _, p := range parted(text) {
			if p.from != last+1 || p.to < p.from || p.to-p.from >= partLines {
				t.Errorf("lines %d to %d follow %d", p.from, p.to, last)
			}
			whole, last = whole+p.text, p.to
		}
		if whole != text {
			t.Errorf("%d bytes of %d", len(whole), len(text))
		}
	}
}

// diagnosisScenes are the faces of the dialog.
func diagnosisScenes() []scene {
	return []scene{
		{"diag-working", signedIn(), func(b *bench) {
			b.pages.show(session.PageSettings)
			b.diagnose()
			b.diagnosis.progress = diag.Progress{Done: 3, Total: 17, Title: "The controller"}
			b.diagnosis.changed()
		}},
		{"diag", signedIn(), checked},
		{"diag-archive", signedIn(), func(b *bench) { checked(b); b.canvas().Focus(b.layer.face.(*diagnosis).save) }},
		{"diag-saved", signedIn(), func(b *bench) {
			checked(b)
			b.diagnosis.saved = "/home/maya/Downloads/tidegate-diag-20261120-143600.tar.gz"
			b.diagnosis.changed()
		}},
		{"diag-file", signedIn(), func(b *bench) {
			checked(b)
			b.layer.face.(*diagnosis).read(&b.diagnosis.report.Files[1])
		}},
		{"diag-failed", signedIn(), func(b *bench) {
			checked(b)
			b.diagnosis.ended(diag.Report{}, errors.New("Tidegate ended before it was done; start it with: tidegate"))
		}},
		{"small-diag", signedIn(), func(b *bench) { small(b); checked(b) }},
	}
}
