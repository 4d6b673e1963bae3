package lab_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/session"
)

// browsed is the host that nobody looks up but browsers.
const browsed = "board.harbour.example"

// ownResolver is how Chromium asks a resolver of its own.
type ownResolver struct {
	Policies map[string]any
	Trust    string
}

// offer tells a program on a machine, by its environment, how a browser asks d.
func offer(d *resolvedtest.DoH) (string, error) {
	b, err := json.Marshal(ownResolver{Policies: d.OwnNames(), Trust: d.Trust()})
	return ownEnv + "=" + string(b), err
}

// servePublic has a resolver that is asked by HTTPS be in the machine's network. Like
// all there it answers with one address, which is its own; but it knows no names of
// the applications.
func servePublic(t *testing.T, m *resolvedtest.System) *resolvedtest.DoH {
	t.Helper()
	return resolvedtest.ServeDoH(t, m.Physical.Space, "dns.example.org", m.Physical.Answer, func(q *dns.Msg) *dns.Msg {
		r := new(dns.Msg).SetReply(q)
		r.RecursionAvailable = true
		switch name := q.Question[0].Name; {
		case strings.HasSuffix(strings.ToLower(name), "harbour.example."):
			r.Rcode = dns.RcodeNameError
		case q.Question[0].Qtype == dns.TypeA:
			r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: m.Physical.Answer.AsSlice()}}
		}
		return r
	})
}

// browser is what the desktop opens applications with: Chromium, which prints what
// it shows.
type browser struct {
	dir string
}

func newBrowser(dir string) *browser { return &browser{dir: filepath.Join(dir, "browser")} }

// env has the desktop start it, and not what this machine may have.
func (b *browser) env() []string {
	return []string{"BROWSER=" + b.path("start"), "XDG_DATA_DIRS=" + b.path("none")}
}

func (b *browser) path(name string) string { return filepath.Join(b.dir, name) }

// ready has it do as these say when it is started next, anew.
func (b *browser) ready(policies map[string]any, more ...string) error {
	if err := errors.Join(os.RemoveAll(b.dir), os.MkdirAll(b.path("home"), 0o700), resolvedtest.SetPolicies("/", policies)); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nHOME='%s' '%s' \"$1\" >'%s' 2>'%s'\nmv '%s' '%s'\n", b.path("home"),
		strings.Join(resolvedtest.Chromium(b.path("home"), more...), "' '"), b.path("page"), b.path("said"), b.path("page"), b.path("shown"))
	return os.WriteFile(b.path("start"), []byte(script), 0o700)
}

// opens has the client open an application, and returns what the browser shows, and
// whether that is that there is no such name.
func (m *onmachine) opens(id string) (page string, nameless bool, err error) {
	if _, err := m.rig.Run(m.ctx, "", "open", id); err != nil {
		return "", false, err
	}
	for {
		shown, err := os.ReadFile(m.browser.path("shown"))
		said, _ := os.ReadFile(m.browser.path("said"))
		if err == nil {
			return string(shown), resolvedtest.NoSuchName(string(shown), string(said)), nil
		}
		select {
		case <-m.ctx.Done():
			return "", false, fmt.Errorf("the browser does not end: %w; it says %s", m.ctx.Err(), said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unasked is the hint that a browser has not looked up an application's name.
func unasked(s *session.State) *session.Problem {
	i := slices.IndexFunc(s.Problems, func(p session.Problem) bool { return p.Code == "dns-unasked" })
	if i < 0 {
		return nil
	}
	return &s.Problems[i]
}

// blind: a browser that asks a resolver of its own says that there is no such name,
// and the window says why and what to set. With that set, the application is shown
// and the hint goes.
func (m *onmachine) blind() error {
	if os.Getenv(ownEnv) == "" {
		return nil // another machine's test has it
	}
	var own ownResolver
	if err := json.Unmarshal([]byte(os.Getenv(ownEnv)), &own); err != nil {
		return err
	}
	if err := m.browser.ready(own.Policies, own.Trust); err != nil {
		return err
	}
	page, nameless, err := m.opens("board")
	if err != nil || !nameless {
		return fmt.Errorf("%v: with a resolver of its own it shows %s", err, page)
	}
	s, err := m.wait("the window says why", func(s *session.State) bool { return unasked(s) != nil })
	if err != nil {
		return err
	}
	if p := unasked(&s); !p.Warning || !strings.Contains(p.Title, browsed) || !strings.Contains(p.Detail, "DNS over HTTPS") || !strings.Contains(p.Fix, "\"Use secure DNS\" off") {
		return fmt.Errorf("it says %+v", p)
	}
	if err := m.browser.ready(resolvedtest.SystemNames()); err != nil {
		return err
	}
	if page, _, err = m.opens("board"); err != nil || !strings.Contains(page, "Arrivals Board") {
		return fmt.Errorf("%v: with the system's names it shows %s", err, page)
	}
	_, err = m.wait("the hint is gone", func(s *session.State) bool { return unasked(s) == nil })
	return err
}
