package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// The steps in which something changes while connections are open: on the
// device, and at the administrator's.

// soon is how long after a change its effect must have come: a device gathers
// its claims once a second at most.
const soon = 4 * time.Second

// pass is the file that Crane Control wants on the device.
func (t *tour) pass() string { return filepath.Join(t.rig.Home(), "harbour-pass") }

func (t *tour) claim(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Applications"); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.rig.Curl(ctx, app(&s, "crane").OpenWith); err == nil {
		return "", fmt.Errorf("Crane Control opened without the pass")
	}
	s, err = t.wait(ctx, "the device reports that it has no pass", func(s *session.State) bool { return fails(s, wire.ReasonDevice) })
	if err != nil {
		return "", err
	}
	if err := t.hands.reads(ctx, "Crane Control", "Blocked"); err != nil {
		return "", err
	}
	took, err := t.carry(ctx)
	if err != nil {
		return "", err
	}
	if err := t.hands.reads(ctx, "Crane Control", "In use"); err != nil {
		return "", err
	}
	return fmt.Sprintf("blocked at first: %s Allowed %d ms after the file was there, without a click; a terminal holds a connection to it",
		app(&s, "crane").Why.Detail, took.Milliseconds()), nil
}

// carry puts the pass on the device and opens a connection to Crane Control
// once it is allowed, and says how long that took.
func (t *tour) carry(ctx context.Context) (time.Duration, error) {
	if err := t.listening(ctx); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := os.WriteFile(t.pass(), []byte("berth 3\n"), 0o600); err != nil {
		return 0, fmt.Errorf("write the pass: %w", err)
	}
	return t.openCrane(ctx, begin)
}

// listening has Crane Control tried, whatever comes of it: a data channel that is
// suspended by now hears of nothing before the next use.
func (t *tour) listening(ctx context.Context) error {
	s, err := t.state(ctx)
	if err != nil {
		return err
	}
	t.rig.Curl(ctx, app(&s, "crane").OpenWith)
	return ctx.Err()
}

// openCrane opens a connection to Crane Control once it is allowed, which must
// be soon after begin, and says how long that took.
func (t *tour) openCrane(ctx context.Context, begin time.Time) (time.Duration, error) {
	s, err := t.wait(ctx, "Crane Control is allowed", func(s *session.State) bool { return app(s, "crane").Allowed })
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if took > soon {
		return 0, fmt.Errorf("Crane Control was allowed %v after the change", took)
	}
	if t.crane != nil {
		t.crane.close()
	}
	if t.crane, err = startNetcat(app(&s, "crane").Listen); err != nil {
		return 0, err
	}
	return took, t.crane.get()
}

// cutSoon waits until a connection is reset, and says how long after begin.
func cutSoon(ctx context.Context, n *netcat, begin time.Time) (time.Duration, error) {
	at, err := n.reset(ctx)
	if err != nil {
		return 0, err
	}
	if late := at.Sub(begin); late > soon {
		return 0, fmt.Errorf("the connection was cut %v after the change", late)
	}
	return at.Sub(begin), nil
}

// fails says whether Crane Control is blocked for a reason of a kind.
func fails(s *session.State, kind wire.ReasonKind) bool {
	a := app(s, "crane")
	return a.State == session.AppBlocked && a.Why.Kind == kind && len(a.Failing) > 0
}

func (t *tour) claimGone(ctx context.Context) (string, error) {
	begin := time.Now()
	if err := os.Remove(t.pass()); err != nil {
		return "", fmt.Errorf("remove the pass: %w", err)
	}
	late, err := cutSoon(ctx, t.crane, begin)
	if err != nil {
		return "", err
	}
	said, err := t.explained(ctx, wire.ReasonDevice)
	return fmt.Sprintf("the open connection was reset %d ms after the file was gone; its card says: %s", late.Milliseconds(), said), err
}

// explained opens Crane Control's card, checks that the window says why it is
// blocked, and returns that.
func (t *tour) explained(ctx context.Context, kind wire.ReasonKind) (string, error) {
	s, err := t.wait(ctx, "Crane Control says why it is blocked", func(s *session.State) bool { return fails(s, kind) })
	if err != nil {
		return "", err
	}
	if err := t.hands.reads(ctx, "Crane Control", "Blocked"); err != nil {
		return "", err
	}
	a := app(&s, "crane")
	if err := t.hands.reads(ctx, "Crane Control", a.Why.Brief); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "card", "Crane Control"); err != nil {
		return "", err
	}
	for _, text := range []string{a.Why.Title, a.Failing[0].Title, a.Failing[0].Found} {
		if err := t.hands.see(ctx, text); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s (%s: %s)", a.Why.Title, a.Failing[0].Title, a.Failing[0].Found), t.hands.rest(ctx)
}

// clear closes the open card and the notifications, which lie over the window.
func (t *tour) clear(ctx context.Context) error {
	if err := t.hands.Key(ctx, "Escape"); err != nil {
		return err
	}
	return t.hands.CloseNotifications(ctx)
}

func (t *tour) risk(ctx context.Context) (string, error) {
	if err := t.clear(ctx); err != nil {
		return "", err
	}
	if _, err := t.carry(ctx); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if t.dispatch, err = startNetcat(app(&s, "dispatch").Listen); err != nil {
		return "", err
	}
	if err := t.dispatch.say("before"); err != nil {
		return "", err
	}
	begin := time.Now()
	if _, err := t.lab.administer(ctx, "controller", "risk", person, "high", "--for", "1h", "--why", "seen in two places"); err != nil {
		return "", err
	}
	late, err := cutSoon(ctx, t.crane, begin)
	if err != nil {
		return "", err
	}
	if err := t.dispatch.say("meanwhile"); err != nil {
		return "", err
	}
	said, err := t.explained(ctx, wire.ReasonRisk)
	return fmt.Sprintf("%d ms after the administrator's command the open connection was reset, and the dispatch console's holds; Crane Control's card says: %s",
		late.Milliseconds(), said), err
}

func (t *tour) policy(ctx context.Context) (string, error) {
	if err := t.clear(ctx); err != nil {
		return "", err
	}
	if err := t.listening(ctx); err != nil {
		return "", err
	}
	begin := time.Now()
	if _, err := t.lab.administer(ctx, "controller", "risk", person, "low"); err != nil {
		return "", err
	}
	if _, err := t.openCrane(ctx, begin); err != nil {
		return "", err
	}
	before, err := os.ReadFile(t.lab.config)
	if err != nil {
		return "", fmt.Errorf("read the controller's file: %w", err)
	}
	if err := os.WriteFile(t.draft("before.yaml"), before, 0o600); err != nil {
		return "", fmt.Errorf("write a policy: %w", err)
	}
	less := strings.Replace(string(before), "entitlements: [everyday, ", "entitlements: [", 1)
	if err := os.WriteFile(t.draft("less.yaml"), []byte(less), 0o600); err != nil {
		return "", fmt.Errorf("write a policy: %w", err)
	}
	plan, err := t.lab.administer(ctx, "policy", "plan", t.draft("less.yaml"))
	if err != nil {
		return "", err
	}
	foreseen, err := effect(plan, "is lost now by")
	if err != nil {
		return "", err
	}
	if err := t.dispatch.say("planned, and not done"); err != nil {
		return "", err
	}
	begin = time.Now()
	if _, err := t.lab.administer(ctx, "policy", "apply", t.draft("less.yaml"), "--yes"); err != nil {
		return "", err
	}
	late, err := cutSoon(ctx, t.dispatch, begin)
	if err != nil {
		return "", err
	}
	if err := t.hands.gone(ctx, "Harbour Wiki"); err != nil {
		return "", err
	}
	if err := t.crane.get(); err != nil {
		return "", err
	}
	return fmt.Sprintf("the plan said: %s. Applied, that is cut within %d ms and leaves the window; Crane Control's connection holds", foreseen, late.Milliseconds()),
		t.hands.rest(ctx)
}

func (t *tour) policyUndone(ctx context.Context) (string, error) {
	out, err := t.lab.administer(ctx, "policy", "apply", t.draft("before.yaml"), "--yes")
	if err != nil {
		return "", err
	}
	foreseen, err := effect(out, "is gained now by")
	if err != nil {
		return "", err
	}
	if err := t.hands.reads(ctx, "Harbour Wiki", "Ready"); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.rig.Curl(ctx, app(&s, "wiki").OpenWith); err != nil {
		return "", err
	}
	explained, err := t.lab.administer(ctx, "policy", "explain", person, "wiki")
	if err != nil {
		return "", err
	}
	if !strings.Contains(explained, "allowed") {
		return "", fmt.Errorf("the controller explains: %s", explained)
	}
	return fmt.Sprintf("the plan said: %s. The wiki is back in the window, and opens", foreseen), t.crane.get()
}

// draft is where the administrator writes a policy.
func (t *tour) draft(name string) string { return filepath.Join(t.rig.Dir(), name) }

// effect finds the line of a plan that says something.
func effect(plan, words string) (string, error) {
	for line := range strings.Lines(plan) {
		if strings.Contains(line, words) {
			return strings.TrimSpace(line), nil
		}
	}
	return "", fmt.Errorf("the plan says nothing that %s: %s", words, plan)
}
