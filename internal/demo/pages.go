package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/session"
)

// The steps that look at the window's other pages and its other theme.

// home looks at the page that the window begins with.
func (t *tour) home(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Home"); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	for _, text := range []string{s.User.DisplayName, "Ledger", s.Sites[0].Name} {
		if err := t.hands.see(ctx, text); err != nil {
			return "", err
		}
	}
	return "what needs the user now, what was used last, what comes next, and what Tidegate is connected to", nil
}

func (t *tour) activity(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Activity"); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	newest := s.Events[max(0, len(s.Events)-5):]
	if len(newest) < 5 {
		return "", fmt.Errorf("only %d things have happened", len(newest))
	}
	for _, e := range newest {
		if err := t.hands.see(ctx, e.Text); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("all that the tour has done is listed, %d things; the last: %s", len(s.Events), newest[4].Text), nil
}

// list shows the applications as a list, finds one by typing, and opens its card.
func (t *tour) list(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Applications"); err != nil {
		return "", err
	}
	if err := t.hands.choose(ctx, "Show as a list"); err != nil {
		return "", err
	}
	return "the applications as a list", t.hands.rest(ctx)
}

func (t *tour) search(ctx context.Context) (string, error) {
	if err := t.hands.Key(ctx, "ctrl+f"); err != nil {
		return "", err
	}
	if err := t.hands.Type(ctx, "ledger"); err != nil {
		return "", err
	}
	if err := t.hands.typed(ctx, "ledger"); err != nil {
		return "", err
	}
	if err := t.hands.Key(ctx, "Return"); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, "Copy for the helpdesk"); err != nil {
		return "", err
	}
	return "found by typing; its card says what decides, until when, and what is open", nil
}

// cards leaves the search, and shows cards again.
func (t *tour) cards(ctx context.Context) (string, error) {
	for range 2 { // the card, and the search
		if err := t.hands.Key(ctx, "Escape"); err != nil {
			return "", err
		}
	}
	if err := t.hands.choose(ctx, "Show as cards"); err != nil {
		return "", err
	}
	return "all of them, as cards again", t.hands.see(ctx, "Crane Control")
}

func (t *tour) german(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Settings"); err != nil {
		return "", err
	}
	if err := t.hands.choose(ctx, "Deutsch"); err != nil {
		return "", err
	}
	for _, text := range []string{"Einstellungen", "Sprache"} {
		if err := t.hands.see(ctx, text); err != nil {
			return "", err
		}
	}
	return "chosen in the settings, all of the window speaks German at once", t.hands.rest(ctx)
}

func (t *tour) english(ctx context.Context) (string, error) {
	if err := t.hands.choose(ctx, "English"); err != nil {
		return "", err
	}
	return "and English again", t.hands.see(ctx, "Language")
}

// today looks at the days ahead, and holds what the controller foresees to what
// the gateway says.
func (t *tour) today(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Today"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "the controller tells what is ahead", func(s *session.State) bool {
		return s.Ahead != nil && !s.Ahead.Working && !s.Ahead.At.IsZero()
	})
	if err != nil {
		return "", err
	}
	compared := 0
	for _, a := range s.Apps {
		if err := t.hands.seeDay(ctx, a.Name); err != nil {
			return "", err
		}
		all := s.Ahead.Stretches(a.Entitlement)
		if a.Decision == "" || len(all) == 0 {
			continue // no gateway has judged it
		}
		if a.Allowed != all[0].Allow {
			return "", fmt.Errorf("%s is allowed: %v, and foreseen is: %s", a.Name, a.Allowed, all[0].Word())
		}
		compared++
	}
	if compared == 0 {
		return "", errors.New("no gateway has judged anything")
	}
	return fmt.Sprintf("a bar for each of %d applications, %d of which begin as the gateway has judged them", len(s.Apps), compared), nil
}

func (t *tour) light(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Settings"); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "tab", "Light"); err != nil {
		return "", err
	}
	if err := t.hands.bright(ctx, true); err != nil {
		return "", err
	}
	return "chosen in the settings, the whole window is light at once", t.turn(ctx, "Applications")
}

func (t *tour) settings(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Settings"); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "tab", "Dark"); err != nil {
		return "", err
	}
	if err := t.hands.bright(ctx, false); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if s.Keychain != session.KeychainReady || s.Tray != session.TrayPresent {
		return "", fmt.Errorf("the keychain is %s, the tray %s", s.Keychain, s.Tray)
	}
	if err := t.hands.choose(ctx, "Copy Device"); err != nil {
		return "", err
	}
	for _, text := range []string{s.Enrolment.Name, t.lab.controller, string(s.Enrolment.Device)} {
		if err := t.hands.see(ctx, text); err != nil {
			return "", err
		}
	}
	return "dark again; whose device this is, its id, the keychain and the tray", t.hands.rest(ctx)
}

// turn turns to a page by its tab.
func (t *tour) turn(ctx context.Context, page string) error {
	if err := t.hands.press(ctx, "tab", page); err != nil {
		return err
	}
	return t.hands.rest(ctx)
}
