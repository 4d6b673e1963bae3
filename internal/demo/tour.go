package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/rig"
	"github.com/tidegate/tidegate/session"
)

// tour is the scripted demo: a desktop, a lab and a client, and how far it is.
type tour struct {
	options
	n        int
	rig      *rig.Rig
	hands    *hands
	lab      *labProcess
	registry *labProcess // the second organisation's
	ledger   *netcat
	crane    *netcat
	dispatch *netcat
	desk     *netcat   // to the second organisation
	lapses   time.Time // when access to the ledger would have ended
}

// play plays one step and pictures how it ended, be it badly.
func (t *tour) play(ctx context.Context, s step) (string, error) {
	t.n++
	said, err := s.play(t, ctx)
	if s.blind || t.hands == nil {
		return said, err
	}
	if err == nil {
		err = pause(ctx, 250*time.Millisecond) // let the last frame be drawn
	}
	name := fmt.Sprintf("%02d-%s.png", t.n, strings.ReplaceAll(s.name, " ", "-"))
	shot, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return said, errors.Join(err, t.hands.Screenshot(shot, filepath.Join(t.out, name)))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close ends everything; a second call does nothing.
func (t *tour) close() error {
	var errs []error
	for _, n := range []**netcat{&t.ledger, &t.crane, &t.dispatch, &t.desk} {
		if *n != nil {
			(*n).close()
			*n = nil
		}
	}
	if t.rig != nil {
		errs = append(errs, t.rig.Stop(syscall.SIGTERM))
	}
	for _, l := range []**labProcess{&t.lab, &t.registry} {
		if *l != nil {
			errs = append(errs, (*l).close())
			*l = nil
		}
	}
	if t.rig != nil {
		errs = append(errs, t.rig.Close())
		t.rig = nil
	}
	return errors.Join(errs...)
}

func (t *tour) openDesktop(ctx context.Context) (string, error) {
	if err := os.RemoveAll(t.out); err != nil {
		return "", err
	}
	if err := os.MkdirAll(t.out, 0o755); err != nil {
		return "", err
	}
	d, err := desktop.Start(ctx, desktop.Options{})
	if err != nil {
		return "", err
	}
	browser, err := makeBrowser(d.Dir())
	if err != nil {
		d.Close()
		return "", err
	}
	socket := filepath.Join(d.Dir(), "window")
	// Ours, and not the one that this machine may have: xdg-open looks for that first.
	t.rig = rig.New(d, t.client, "TIDEGATE_INSPECT="+socket, "BROWSER="+browser, "XDG_DATA_DIRS="+filepath.Join(d.Dir(), "none"))
	t.hands = &hands{Desktop: d, socket: socket}
	return "a display, a panel with a tray, a session bus, notifications and an unlocked Secret Service", nil
}

func (t *tour) openLab(ctx context.Context) (string, error) {
	var err error
	if t.lab, err = startLab(ctx, t.server, "--quick", "--relay"); err != nil {
		return "", err
	}
	return "controller at " + t.lab.controller + ", gateway, and seven applications", nil
}

func (t *tour) openLedger(ctx context.Context) error {
	s, err := t.state(ctx)
	if err != nil {
		return err
	}
	if t.ledger, err = startNetcat(app(&s, "ledger").Listen); err != nil {
		return err
	}
	_, err = t.wait(ctx, "it asks for a code", func(s *session.State) bool {
		return s.Prompt != nil && s.Prompt.Kind == session.PromptInteraction
	})
	return err
}

func (t *tour) state(ctx context.Context) (session.State, error) {
	return t.wait(ctx, "there is a state", func(*session.State) bool { return true })
}

func (t *tour) wait(ctx context.Context, what string, ok func(*session.State) bool) (session.State, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("30 s have passed"))
	defer cancel()
	return t.rig.Wait(ctx, what, ok)
}

func app(s *session.State, id string) *session.App {
	for i := range s.Apps {
		if string(s.Apps[i].ID) == id {
			return &s.Apps[i]
		}
	}
	return &session.App{}
}

// makeBrowser writes the desktop's browser: curl, which keeps the page.
func makeBrowser(dir string) (string, error) {
	path := filepath.Join(dir, "browser")
	script := fmt.Sprintf("#!/bin/sh\nexec curl -sS --max-time 20 -o %q \"$1\"\n", filepath.Join(dir, "page.html"))
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return "", fmt.Errorf("write the browser: %w", err)
	}
	return path, nil
}

// page is what the browser got.
func (t *tour) page(ctx context.Context) (string, error) {
	for {
		b, err := os.ReadFile(filepath.Join(t.rig.Dir(), "page.html"))
		if err == nil && len(b) > 0 {
			return string(b), nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
}
