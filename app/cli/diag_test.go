package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/diag"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/internal/lang"
)

// diagnosed is what an instance of these tests finds.
func diagnosed(title string) diag.Report {
	r := diag.Report{At: time.Date(2026, 3, 2, 12, 0, 0, 0, time.Local), Version: "1", Checks: []diag.Check{
		{ID: "controller-quic", Title: title, Outcome: diag.Warning, Text: "It is not\x1b[31m reached.", Fix: "Allow UDP."},
		{ID: "clock", Title: "The clock", Outcome: diag.Good, Text: "It is right."},
	}}
	r.Files = []diag.File{{Name: "summary.txt", Text: r.Summary()}, {Name: "state.json", Text: "{}\n"}}
	return r
}

func (running) Diagnose(_ context.Context, told func(diag.Progress)) (diag.Report, error) {
	told(diag.Progress{Done: 1, Total: 2, Title: "The clock", Here: lang.T("The clock")})
	r := diagnosed("The controller over QUIC (UDP)")
	if lang.Tag() == "fr" {
		r.Checks[0].Here = diag.Words{Title: "Le contrôleur", Text: "Il n’est pas\x1b joint.", Fix: "Autorisez UDP."}
	}
	return r, nil
}

func TestDiag(t *testing.T) {
	t.Chdir(t.TempDir())
	src := &apptest.Source{}
	src.Publish(state())
	got := invoke(t, src, "", "diag")
	name := "tidegate-diag-20260302-120000.tar.gz"
	for _, want := range []string{"One thing could be better.\n", "[look]      The controller over QUIC (UDP): It is not[31m reached.\n            → Allow UDP.\n", "[fine]      The clock: It is right.\n", "Saved as /", "/" + name + "\n", "state.json   3 bytes\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("it does not say %q:\n%s", want, got.out)
		}
	}
	if info, err := os.Stat(name); got.code != Done || got.err != "" || err != nil || info.Size() == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got := invoke(t, src, "", "diag"); got.code != Failed || !strings.Contains(got.err, "there already; choose another name") {
		t.Errorf("%+v", got)
	}
	for out, want := range map[string]string{name: "there already", "none/x.tar.gz": "no such folder", ".": "that is a folder"} {
		if got := invoke(t, src, "", "diag", "--out", out); got.code != Failed || !strings.Contains(got.err, want) || got.out != "" {
			t.Errorf("--out %s: it is looked at everything before: %+v", out, got)
		}
	}
	path := filepath.Join(t.TempDir(), "x.tar.gz")
	t.Setenv("HOME", filepath.Dir(path))
	if got := invoke(t, src, "", "diag", "--out", "~/y.tar.gz"); got.code != Done {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "y.tar.gz")); err != nil {
		t.Error(err)
	}
	got = invoke(t, src, "", "diag", "--json", "--out", path)
	var v struct {
		Saved  string
		Checks []diag.Check
		Files  []diagFile
	}
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || v.Saved != path || len(v.Checks) != 2 || v.Checks[0].Fix != "Allow UDP." || v.Files[1] != (diagFile{"state.json", 3}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// What is found is said in the user's language; what is saved, and programs read, is
// English.
func TestDiagIsSaid(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Cleanup(func() { lang.Set("en") })
	src := &apptest.Source{}
	s := state()
	s.Choices.Language = "fr"
	src.Publish(s)
	got := invoke(t, src, "", "diag")
	for _, want := range []string{"Un point pourrait être amélioré.\n", "[à voir]  Le contrôleur\u202f: Il n’est pas joint.\n          → Autorisez UDP.\n", "[correct] The clock\u202f: It is right.\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("it does not say %q:\n%s", want, got.out)
		}
	}
	got = invoke(t, src, "", "diag", "--json", "--out", "x.tar.gz")
	if !strings.Contains(got.out, `"text": "It is right."`) {
		t.Errorf("%+v", got)
	}
}

// That nothing runs is when a diagnosis is wanted most.
func TestDiagWhereNothingRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	run := func(diagnose func(context.Context, func(diag.Progress)) (diag.Report, error), dial error) (int, string, string) {
		var out, errs bytes.Buffer
		code := Run(t.Context(), []string{"diag"}, Options{In: strings.NewReader(""), Out: &out, Err: &errs, Diagnose: diagnose,
			Dial: func() (Client, error) { return nil, dial }})
		return code, out.String(), errs.String()
	}
	alone := func(context.Context, func(diag.Progress)) (diag.Report, error) { return diagnosed("Alone"), nil }
	if code, out, errs := run(alone, local.ErrNotRunning); code != Done || !strings.Contains(out, "Alone") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if code, _, errs := run(alone, errors.New("somebody else answers")); code != Failed || !strings.Contains(errs, "somebody else") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := run(nil, local.ErrNotRunning); code != NotRunning || !strings.Contains(errs, "start it with") {
		t.Errorf("%d %s", code, errs)
	}
}
