package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/session"
)

// The steps with two organisations, of which one is active at a time.

// The organisations: the lab's, and another, a lab of its own with fewer applications.
const (
	organisation = "Harbour Works"
	registry     = "Ship Registry"
)

const registryLab = `apiVersion: tidegate.org/v1
kind: Lab
metadata: {name: registry}
spec: {organisation: ` + registry + `}
`

// registryApps makes of the lab's applications those that the registry has.
var registryApps = strings.NewReplacer(
	"spec: {title: Harbour}", "spec: {title: Registry}",
	"entitlements: [everyday, money, plans, cranes, tides, quays]", "entitlements: [everyday]",
	"name: Harbour Wiki, description: How we moor and load", "name: Ship Papers, description: Flags and owners",
	"name: Arrivals Board, description: What comes in with the tide", "name: Survey Dates, description: Who is looked at when",
	"name: Dispatch Console, description: Talk to the quays", "name: Clerk’s Desk, description: Talk to the registry",
)

// openRegistry starts the second organisation.
func (t *tour) openRegistry(ctx context.Context) error {
	file := t.draft("registry.yaml")
	if err := os.WriteFile(file, []byte(registryLab), 0o600); err != nil {
		return fmt.Errorf("write the registry's lab: %w", err)
	}
	var err error
	if t.registry, err = startLab(ctx, t.server, "--quick", "--config", file); err != nil {
		return err
	}
	all, err := os.ReadFile(t.registry.config)
	if err != nil {
		return fmt.Errorf("read the registry's file: %w", err)
	}
	own := registryApps.Replace(string(all))
	if err := os.WriteFile(t.draft("own.yaml"), []byte(own), 0o600); err != nil {
		return fmt.Errorf("write the registry's policy: %w", err)
	}
	_, err = t.registry.administer(ctx, "policy", "apply", t.draft("own.yaml"), "--yes")
	return err
}

// join enrols with the second organisation, by a link that is clicked.
func (t *tour) join(ctx context.Context) (string, error) {
	if err := t.openRegistry(ctx); err != nil {
		return "", err
	}
	before, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.rig.Run(ctx, "", t.registry.link); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, t.registry.controller); err != nil {
		return "", err
	}
	if err := t.crane.get(); err != nil {
		return "", fmt.Errorf("before anybody said yes: %w", err)
	}
	if err := t.hands.press(ctx, "button", "Enrol"); err != nil {
		return "", err
	}
	if _, err := t.wait(ctx, "it asks to sign in to the "+registry, func(s *session.State) bool {
		return s.Enrolment.Name == registry && s.Prompt != nil && s.Prompt.Kind == session.PromptSignIn
	}); err != nil {
		return "", err
	}
	if err := t.hands.focused(ctx, "secret"); err != nil {
		return "", err
	}
	if err := t.hands.Type(ctx, t.registry.password); err != nil {
		return "", err
	}
	if err := t.hands.Key(ctx, "Return"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "the "+registry+" is active", func(s *session.State) bool { return s.Enrolment.Name == registry && active(s) })
	if err != nil {
		return "", err
	}
	closed, err := t.left(ctx, &before, &s)
	if err != nil {
		return "", err
	}
	if _, err := t.crane.reset(ctx); err != nil {
		return "", err
	}
	if err := t.hands.reads(ctx, "Ship Papers", "Ready"); err != nil {
		return "", err
	}
	if err := t.hands.gone(ctx, "Harbour Wiki"); err != nil {
		return "", err
	}
	return fmt.Sprintf("enrolled with the %s too, by a link that was clicked: %d applications of its own; of %s the open connection is reset, and %d listeners are closed",
		registry, len(s.Apps), before.Enrolment.Name, closed), t.hands.rest(ctx)
}

// left holds that nothing listens at the addresses of before that are none of now's,
// and says how many there are.
func (t *tour) left(ctx context.Context, before, now *session.State) (int, error) {
	kept := map[netip.AddrPort]bool{}
	for _, a := range now.Apps {
		kept[a.Listen] = true
	}
	closed := 0
	for _, a := range before.Apps {
		if !a.Listen.IsValid() || kept[a.Listen] {
			continue
		}
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.Listen.String())
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return 0, fmt.Errorf("who connects to %s of %s gets: %v", a.Name, before.Enrolment.Name, err)
		}
		closed++
	}
	if closed == 0 {
		return 0, errors.New("the organisations listen at the same addresses")
	}
	return closed, nil
}

// both opens the menu that has both, with a connection to the active one.
func (t *tour) both(ctx context.Context) (string, error) {
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if t.desk, err = startNetcat(app(&s, "dispatch").Listen); err != nil {
		return "", err
	}
	if err := t.desk.say("before"); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "user", ""); err != nil {
		return "", err
	}
	for _, e := range s.Enrolments {
		if err := t.hands.see(ctx, e.Name); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("the menu has %d organisations; a terminal holds a connection to the active one", len(s.Enrolments)), t.hands.rest(ctx)
}

// switched takes the other organisation from the open menu.
func (t *tour) switched(ctx context.Context) (string, error) {
	took, closed, err := t.switchTo(ctx, organisation)
	if err != nil {
		return "", err
	}
	if _, err := t.desk.reset(ctx); err != nil {
		return "", err
	}
	if err := t.hands.reads(ctx, "Harbour Wiki", "Ready"); err != nil {
		return "", err
	}
	return fmt.Sprintf("by the second click: %s is active within %d ms and asks nothing, its applications are back; of the %s the open connection is reset, and %d listeners are closed",
		organisation, took.Milliseconds(), registry, closed), t.hands.gone(ctx, "Ship Papers")
}

// switchedBack makes the second one active again.
func (t *tour) switchedBack(ctx context.Context) (string, error) {
	if err := t.hands.press(ctx, "user", ""); err != nil {
		return "", err
	}
	took, closed, err := t.switchTo(ctx, registry)
	if err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.rig.Curl(ctx, app(&s, "wiki").OpenWith); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, "Ship Papers"); err != nil {
		return "", err
	}
	return fmt.Sprintf("two clicks, and the %s is active again within %d ms, asks nothing and opens; %d listeners of %s are closed",
		registry, took.Milliseconds(), closed, organisation), t.hands.rest(ctx)
}

// switchTo presses an organisation in the open menu, holds that nothing is asked, and
// says how long it took to be active, with the press, and how many listeners of the other
// are closed.
func (t *tour) switchTo(ctx context.Context, name string) (took time.Duration, closed int, err error) {
	before, err := t.state(ctx)
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := t.hands.press(ctx, "enrolment", "Switch to "+name); err != nil {
		return 0, 0, err
	}
	var asked *session.Prompt
	s, err := t.wait(ctx, name+" is active", func(s *session.State) bool {
		if s.Prompt != nil {
			asked = s.Prompt
		}
		return s.Enrolment.Name == name && active(s)
	})
	if err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	if asked != nil {
		return 0, 0, fmt.Errorf("it asks for something: %+v", asked)
	}
	closed, err = t.left(ctx, &before, &s)
	return took, closed, err
}
