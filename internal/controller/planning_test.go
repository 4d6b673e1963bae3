package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/controller/plan"
	"github.com/tidegate/tidegate/internal/wire"
)

// planned is a controller that was started from a file, with a session of
// alice's.
func planned(t *testing.T) (c *Controller, file string, snapshot func() int) {
	t.Helper()
	text, err := os.ReadFile("config/testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file = filepath.Join(dir, "controller.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	c, ask := inBubble(t, conf, dir) // the real clock does as well
	c.source = file
	w := ask("POST", wire.PathSession, aliceSignIn(t), nil)
	if w.Code != http.StatusOK {
		t.Fatalf("sign-in: %s", w.Body)
	}
	cookie := w.Result().Cookies()[0]
	return c, file, func() int {
		return ask("PUT", wire.PathDevice, `{"claims":{}}`, cookie).Code
	}
}

func source(t *testing.T, file string, replace ...string) config.Source {
	t.Helper()
	src, err := config.ReadSource(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range src {
		src[name] = strings.NewReplacer(replace...).Replace(text)
	}
	return src
}

func TestPlanAndApply(t *testing.T) {
	c, file, alive := planned(t)
	next := source(t, file, `duration("60m")`, `duration("30m")`)
	p, err := c.Plan(t.Context(), next, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Sessions != 1 || len(p.Changes) != 2 || p.Changes[0].String() != "~ Condition recent-mfa: criteria" {
		t.Errorf("the plan is %+v", p)
	}
	if strings.Contains(c.config().Conditions["recent-mfa"].Criteria, "30m") || alive() != http.StatusNoContent {
		t.Error("planning changed something")
	}
	if err := c.Apply(t.Context(), next, p.ID); err != nil {
		t.Fatal(err)
	}
	if got := c.config().Conditions["recent-mfa"].Criteria; !strings.Contains(got, "30m") {
		t.Errorf("in force is %q", got)
	}
	if onDisk, err := os.ReadFile(file); err != nil || string(onDisk) != next["controller.yaml"] {
		t.Errorf("on disk is %.40q, %v", onDisk, err)
	}
	if n := len(c.Audit()); n == 0 || alive() != http.StatusNoContent {
		t.Error("the session is gone, or nothing was recorded")
	}
}

func TestApplyRefuses(t *testing.T) {
	c, file, _ := planned(t)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	good := source(t, file, "Example Ltd", "Another Ltd")
	p, err := c.Plan(t.Context(), good, nil)
	if err != nil {
		t.Fatal(err)
	}
	untouched := func(what string) {
		t.Helper()
		now, err := os.ReadFile(file)
		if err != nil || string(now) != string(before) || c.config().Title != "Example Ltd" {
			t.Errorf("%s: something changed (%v)", what, err)
		}
	}
	if err := c.Apply(t.Context(), source(t, file, `"finance" in`, `"finance" inn`), ""); err == nil || !strings.HasPrefix(err.Error(), "controller.yaml:") {
		t.Errorf("a mistake: %v", err)
	}
	untouched("a mistake")
	if err := c.Apply(t.Context(), source(t, file, "Example Ltd", "A Third Ltd"), p.ID); !errors.Is(err, ErrMoved) {
		t.Errorf("another configuration than was planned: %v", err)
	}
	untouched("another configuration")

	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(before), "Example Ltd", "Edited Ltd")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), good, p.ID); !errors.Is(err, ErrMoved) {
		t.Errorf("an edited base: %v", err)
	}
	if c.config().Title != "Example Ltd" {
		t.Error("an edited base: something changed")
	}
	edited, err := config.Load(file)
	if err == nil {
		err = c.Reload(t.Context(), edited)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), good, p.ID); !errors.Is(err, ErrMoved) {
		t.Errorf("a base that was reloaded since: %v", err)
	}
	if p.ID == plan.ID(edited.Digest, edited.Digest) || c.config().Title != "Edited Ltd" {
		t.Error("something changed")
	}
}

// TestLargeSource: a configuration may be larger than other requests.
func TestLargeSource(t *testing.T) {
	c, file, _ := planned(t)
	src := source(t, file)
	src["more.yaml"] = strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 3*wire.MaxBody/1000)
	b, err := json.Marshal(adminSource{Source: src})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	c.adminServer().Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, adminPlan, bytes.NewReader(b)))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"plan"`) {
		t.Errorf("%d %.300s", w.Code, w.Body)
	}
}

// TestPlanOfAddresses: what a reload leaves as it is is told all the same.
func TestPlanOfAddresses(t *testing.T) {
	c, file, _ := planned(t)
	p, err := c.Plan(t.Context(), source(t, file, "listen: 127.0.0.1:8443", "listen: 127.0.0.1:9443"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 1 || p.Changes[0].String() != "~ Controller example: listen" || !strings.Contains(strings.Join(p.Warnings, "\n"), "started again") {
		t.Errorf("the plan is %+v", p)
	}
}

// TestReloadAndApplyInTurn: what a reload has read is not replaced before it is
// in force, and what an apply has put in force is not undone by an older reading.
func TestReloadAndApplyInTurn(t *testing.T) {
	c, file, _ := planned(t)
	next := source(t, file, "Example Ltd", "Another Ltd")
	applied := make(chan error)
	err := c.ReloadFrom(t.Context(), func() (*config.Config, error) {
		conf, err := config.Load(file)
		go func() { applied <- c.Apply(t.Context(), next, "") }()
		if c.applying.TryLock() {
			t.Error("an apply may come between")
			c.applying.Unlock()
		}
		return conf, err
	})
	if err := errors.Join(err, <-applied); err != nil {
		t.Fatal(err)
	}
	onDisk, err := config.Load(file)
	if err != nil || onDisk.Digest != c.config().Digest || c.config().Title != "Another Ltd" {
		t.Errorf("in force is %s: %v", c.config().Title, err)
	}
}
