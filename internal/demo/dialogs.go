package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tidegate/tidegate/session"
)

// The steps that look at what lies over the pages, by pointer and keyboard.

// leave closes what lies over the window, and turns back to the applications.
func (t *tour) leave(ctx context.Context) error {
	if err := t.hands.Key(ctx, "Escape"); err != nil {
		return err
	}
	return t.turn(ctx, "Applications")
}

// vpnForm types a connection to a classic VPN with the keyboard alone.
func (t *tour) vpnForm(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Connections"); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "button", "Add a connection"); err != nil {
		return "", err
	}
	if err := t.hands.focused(ctx, "field"); err != nil {
		return "", err
	}
	for i, text := range []string{"vpn.harbour.example", "Harbour office"} {
		if i > 0 {
			if err := t.hands.Key(ctx, "Tab"); err != nil {
				return "", err
			}
		}
		if err := t.hands.Type(ctx, text); err != nil {
			return "", err
		}
		if err := t.hands.typed(ctx, text); err != nil {
			return "", err
		}
	}
	return "a connection to a classic VPN, typed with the keyboard alone and not saved yet", t.hands.rest(ctx)
}

func (t *tour) vpnKept(ctx context.Context) (string, error) {
	if err := t.hands.Key(ctx, "Return"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "the connection is kept", func(s *session.State) bool { return len(s.VPN.Connections) == 1 })
	if err != nil {
		return "", err
	}
	v := s.VPN.Connections[0]
	if err := t.hands.see(ctx, v.Name); err != nil {
		return "", err
	}
	return fmt.Sprintf("saved by Enter: %s at %s; nothing connects it but the user", v.Name, v.Address), t.hands.rest(ctx)
}

// export writes what happened to a file that is typed.
func (t *tour) export(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Activity"); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "button", "Export"); err != nil {
		return "", err
	}
	if err := t.hands.focused(ctx, "field"); err != nil {
		return "", err
	}
	file := filepath.Join(t.rig.Home(), "activity.json")
	if err := t.hands.Key(ctx, "ctrl+a"); err != nil {
		return "", err
	}
	if err := t.hands.Type(ctx, file); err != nil {
		return "", err
	}
	if err := t.hands.typed(ctx, file); err != nil {
		return "", err
	}
	if err := t.hands.Key(ctx, "Return"); err != nil {
		return "", err
	}
	b, err := whole(ctx, file)
	if err != nil {
		return "", err
	}
	var events []json.RawMessage
	if err := json.Unmarshal(b, &events); err != nil {
		return "", fmt.Errorf("read what was exported: %w", err)
	}
	return fmt.Sprintf("%d events written to a file that was typed", len(events)), nil
}

// whole waits for a file and reads it.
func whole(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		b, err := os.ReadFile(path)
		if err == nil && len(b) > 0 {
			return b, nil
		}
		if waited := pause(ctx, 60*time.Millisecond); waited != nil {
			return nil, errors.Join(fmt.Errorf("%s is not there", path), err)
		}
	}
}

// diagnosis finds out what is wrong, and shows what would be saved.
func (t *tour) diagnosis(ctx context.Context) (string, error) {
	if err := t.turn(ctx, "Settings"); err != nil {
		return "", err
	}
	if err := t.hands.choose(ctx, "Check now"); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, "For the helpdesk"); err != nil {
		return "", err
	}
	return "what could be better and what to do about it; what would be saved can be read first", t.hands.rest(ctx)
}

func (t *tour) userMenu(ctx context.Context) (string, error) {
	if err := t.leave(ctx); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "user", ""); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, "Sign out"); err != nil {
		return "", err
	}
	return "whose session this is, and the way out of it", t.hands.rest(ctx)
}

func (t *tour) large(ctx context.Context) (string, error) {
	if err := t.hands.Key(ctx, "Escape"); err != nil {
		return "", err
	}
	if err := t.turn(ctx, "Settings"); err != nil {
		return "", err
	}
	if err := t.hands.choose(ctx, "Text size 150"); err != nil {
		return "", err
	}
	if err := t.hands.rest(ctx); err != nil {
		return "", err
	}
	return "all text at 150 %, at once", t.hands.see(ctx, "Appearance")
}

func (t *tour) usual(ctx context.Context) (string, error) {
	if err := t.hands.choose(ctx, "Text size 100"); err != nil {
		return "", err
	}
	return "and back", t.leave(ctx)
}
