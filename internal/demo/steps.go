package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/session"
)

// step is one thing that the tour shows. Its play returns what was checked.
type step struct {
	name string
	play func(*tour, context.Context) (string, error)
	// blind steps leave the screen as it is: no picture.
	blind bool
}

func (t *tour) steps() []step {
	return []step{
		{name: "desktop", play: (*tour).openDesktop, blind: true},
		{name: "lab", play: (*tour).openLab, blind: true},
		{name: "first start", play: (*tour).firstStart},
		{name: "enrol", play: (*tour).enrol},
		{name: "sign in", play: (*tour).signIn},
		{name: "tray menu", play: (*tour).trayMenu},
		{name: "open an application", play: (*tour).openApp},
		{name: "idle", play: (*tour).idle},
		{name: "asleep with a connection", play: (*tour).asleep},
		{name: "awake again", play: (*tour).awake, blind: true},
		{name: "no udp", play: (*tour).noUDP},
		{name: "by name", play: (*tour).run, blind: true},
		{name: "one-time code", play: (*tour).code},
		{name: "warning", play: (*tour).warning},
		{name: "cut", play: (*tour).cut},
		{name: "denied", play: (*tour).denied},
		{name: "controller away", play: (*tour).away},
		{name: "controller back", play: (*tour).back},
		{name: "home", play: (*tour).home},
		{name: "list", play: (*tour).list},
		{name: "found", play: (*tour).search},
		{name: "cards", play: (*tour).cards, blind: true},
		{name: "activity", play: (*tour).activity},
		{name: "today", play: (*tour).today},
		{name: "light", play: (*tour).light},
		{name: "settings", play: (*tour).settings},
		{name: "language", play: (*tour).german},
		{name: "english", play: (*tour).english, blind: true},
		{name: "diagnosis", play: (*tour).diagnosis},
		{name: "user menu", play: (*tour).userMenu},
		{name: "large text", play: (*tour).large},
		{name: "usual text", play: (*tour).usual, blind: true},
		{name: "vpn form", play: (*tour).vpnForm},
		{name: "vpn kept", play: (*tour).vpnKept},
		{name: "export", play: (*tour).export},
		{name: "stopped", play: (*tour).stopped},
		{name: "restart", play: (*tour).restart},
		{name: "device claim", play: (*tour).claim},
		{name: "device claim gone", play: (*tour).claimGone},
		{name: "risk", play: (*tour).risk},
		{name: "policy", play: (*tour).policy},
		{name: "policy undone", play: (*tour).policyUndone},
		{name: "second organisation", play: (*tour).join},
		{name: "two organisations", play: (*tour).both},
		{name: "switched", play: (*tour).switched},
		{name: "switched back", play: (*tour).switchedBack},
		{name: "quit", play: (*tour).quit, blind: true},
	}
}

func (t *tour) firstStart(ctx context.Context) (string, error) {
	if err := t.rig.Start(ctx, t.lab.link); err != nil {
		return "", err
	}
	if _, err := t.rig.WaitTrayItem(ctx, title, nil); err != nil {
		return "", err
	}
	if _, err := t.hands.WaitWindow(ctx, title); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, t.lab.controller); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if s.Enrolment.Enrolled() || s.ZTA.Active {
		return "", fmt.Errorf("a clicked link enrolled by itself")
	}
	return "the icon is in the panel; the clicked link asks whether to trust " + t.lab.controller + ", and nothing was sent", nil
}

func (t *tour) enrol(ctx context.Context) (string, error) {
	if err := t.hands.press(ctx, "button", "Enrol"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "it asks to sign in", func(s *session.State) bool {
		return s.Prompt != nil && s.Prompt.Kind == session.PromptSignIn
	})
	if err != nil {
		return "", err
	}
	return "device " + string(s.Enrolment.Device) + " has its certificate; the sign-in dialog is for " + s.Prompt.User, t.hands.focused(ctx, "secret")
}

func (t *tour) signIn(ctx context.Context) (string, error) {
	if err := t.hands.Type(ctx, "not-my-password"); err != nil {
		return "", err
	}
	if err := t.hands.Key(ctx, "Return"); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, "tries left"); err != nil {
		return "", err
	}
	if err := t.hands.focused(ctx, "secret"); err != nil {
		return "", err
	}
	if err := t.hands.Type(ctx, t.lab.password); err != nil {
		return "", err
	}
	if err := t.hands.Key(ctx, "Return"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "it is active", active)
	if err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, fmt.Sprintf("%d applications are ", len(s.Apps))); err != nil { // open, or ready to be used: the page Home
		return "", err
	}
	return fmt.Sprintf("a wrong password was refused, the right one accepted; active over %s with %d applications, and no data channel yet", s.Control.Transport, len(s.Apps)), t.hands.rest(ctx)
}

func active(s *session.State) bool { return s.ZTA.Active && len(s.Apps) > 0 }

func (t *tour) trayMenu(ctx context.Context) (string, error) {
	item, err := t.rig.WaitTrayItem(ctx, title, nil)
	if err != nil {
		return "", err
	}
	menu, err := t.rig.TrayMenu(ctx, item)
	if err != nil {
		return "", err
	}
	text := menu.String()
	if !strings.Contains(text, "Harbour Wiki") || !strings.Contains(text, "Sign out") {
		return "", fmt.Errorf("the menu lacks something: %s", text)
	}
	if bad := regexp.MustCompile(`(?im)^\s*(dis)?connect\b`).FindString(text); bad != "" {
		return "", fmt.Errorf("the menu has %q", bad)
	}
	if _, err := t.rig.OpenTrayMenu(ctx); err != nil {
		return "", err
	}
	return "the applications, Sign out and Quit; no Connect and no Disconnect", nil
}

func (t *tour) openApp(ctx context.Context) (string, error) {
	if err := t.rig.CloseTrayMenu(ctx); err != nil {
		return "", err
	}
	if err := t.turn(ctx, "Applications"); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "card", "Arrivals Board"); err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "button", "Open"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "the application was used", func(s *session.State) bool {
		return len(s.Sites) == 1 && s.Sites[0].State == session.Connected && app(s, "board").Down > 0
	})
	if err != nil {
		return "", err
	}
	page, err := t.page(ctx)
	if err != nil {
		return "", err
	}
	if !strings.Contains(page, "What comes in with the tide") {
		return "", fmt.Errorf("the browser got %.200q", page)
	}
	return fmt.Sprintf("the browser got the page through %s; the data channel opened by itself", app(&s, "board").Listen), nil
}

func (t *tour) idle(ctx context.Context) (string, error) {
	if err := t.hands.Key(ctx, "Escape"); err != nil {
		return "", err
	}
	if _, err := t.wait(ctx, "the data channel is suspended", func(s *session.State) bool {
		return len(s.Sites) == 1 && s.Sites[0].State == session.Suspended
	}); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, "Suspended"); err != nil {
		return "", err
	}
	before, err := t.lab.packets(ctx)
	if err != nil {
		return "", err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return "", err
	}
	after, err := t.lab.packets(ctx)
	if err != nil {
		return "", err
	}
	if after != before {
		return "", fmt.Errorf("%d packets passed in a suspended state", after-before)
	}
	return fmt.Sprintf("suspended after 3 s without payload; then no packet in 2 s (%d had passed before)", before), nil
}

func (t *tour) code(ctx context.Context) (string, error) {
	if err := t.openLedger(ctx); err != nil {
		return "", err
	}
	if err := t.hands.focused(ctx, "code"); err != nil {
		return "", err
	}
	// The picture is of the dialog; the answer belongs to the next step.
	return "ledger was used from a terminal (netcat): its connection waits while the dialog asks for a code", nil
}

func (t *tour) answer(ctx context.Context) error {
	if err := t.hands.focused(ctx, "code"); err != nil {
		return err
	}
	code, err := t.lab.code(ctx)
	if err != nil {
		return err
	}
	if err := t.hands.Type(ctx, code); err != nil {
		return err
	}
	s, err := t.state(ctx)
	if err != nil {
		return err
	}
	if s.Prompt == nil || s.Prompt.Busy {
		return nil // six digits are enough
	}
	return t.hands.Key(ctx, "Return")
}

func (t *tour) warning(ctx context.Context) (string, error) {
	if err := t.answer(ctx); err != nil {
		return "", err
	}
	if err := t.ledger.say("first entry"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "the warning comes", func(s *session.State) bool {
		return s.Prompt != nil && s.Prompt.Kind == session.PromptInteraction && !s.Prompt.Deadline.IsZero()
	})
	if err != nil {
		return "", err
	}
	if err := t.hands.focused(ctx, "code"); err != nil {
		return "", err
	}
	if err := t.ledger.say("second entry"); err != nil {
		return "", err
	}
	t.lapses = s.Prompt.Deadline
	if err := t.hands.CloseNotifications(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("the held connection went on with the code; %.1f s before it lapses the dialog asks again, with the connection alive",
		time.Until(s.Prompt.Deadline).Seconds()), nil
}

func (t *tour) cut(ctx context.Context) (string, error) {
	if err := t.answer(ctx); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "the next warning comes", func(s *session.State) bool {
		return s.Prompt != nil && s.Prompt.Deadline.After(t.lapses)
	})
	if err != nil {
		return "", err
	}
	if err := t.ledger.say("third entry"); err != nil {
		return "", err
	}
	at, err := t.ledger.reset(ctx)
	if err != nil {
		return "", err
	}
	late := at.Sub(s.Prompt.Deadline)
	if late < -100*time.Millisecond || late > time.Second {
		return "", fmt.Errorf("the connection was cut %v after its time", late)
	}
	s, err = t.wait(ctx, "its row says why", func(s *session.State) bool {
		a := app(s, "ledger")
		return a.State == session.AppNeedsYou && a.Why.Title != "" && len(a.Cure) == 1 && a.Flows == 0
	})
	if err != nil {
		return "", err
	}
	if err := t.hands.press(ctx, "card", "Ledger"); err != nil {
		return "", err
	}
	if err := t.hands.see(ctx, app(&s, "ledger").Why.Title); err != nil {
		return "", err
	}
	return fmt.Sprintf("answered once, all three entries are in the books; ignored once, it was reset %d ms after its moment, and its card says: %s",
		late.Milliseconds(), app(&s, "ledger").Why.Title), nil
}

func (t *tour) denied(ctx context.Context) (string, error) {
	if err := t.hands.Key(ctx, "Escape"); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.rig.Curl(ctx, app(&s, "archive").OpenWith); err == nil {
		return "", fmt.Errorf("the archive was opened")
	}
	s, err = t.wait(ctx, "it is blocked", func(s *session.State) bool { return app(s, "archive").State == session.AppBlocked })
	if err != nil {
		return "", err
	}
	if err := t.hands.rest(ctx); err != nil {
		return "", err
	}
	return "the archive is blocked, and says why: " + app(&s, "archive").Why.Detail, t.hands.see(ctx, "Blocked")
}

func (t *tour) away(ctx context.Context) (string, error) {
	if err := t.lab.power(ctx, "stop controller"); err != nil {
		return "", err
	}
	if _, err := t.wait(ctx, "it is inactive", func(s *session.State) bool { return s.Control.Phase == session.ControlLost }); err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.rig.Curl(ctx, app(&s, "wiki").OpenWith); err == nil {
		return "", fmt.Errorf("an application was opened meanwhile")
	}
	// Of a controller that is back before this is told, nothing is told.
	if _, err := t.hands.WaitNotification(ctx, "The controller is not reached"); err != nil {
		return "", err
	}
	if err := t.hands.CloseNotifications(ctx); err != nil {
		return "", err // they would lie over the banner
	}
	return "after the ride-through the ZTA button is inactive and a notification says why; access is prevented", t.hands.see(ctx, "not reached")
}

func (t *tour) back(ctx context.Context) (string, error) {
	if err := t.lab.power(ctx, "start controller"); err != nil {
		return "", err
	}
	s, err := t.wait(ctx, "it is active again", active)
	if err != nil {
		return "", err
	}
	if s.Prompt == nil || !s.Prompt.Missed {
		return "", fmt.Errorf("it does not ask for what was missed alone: %+v", s.Prompt)
	}
	if _, err := t.rig.Curl(ctx, app(&s, "wiki").OpenWith); err != nil {
		return "", err
	}
	if _, err := t.hands.WaitNotification(ctx, "reached again"); err != nil {
		return "", err
	}
	if err := t.hands.CloseNotifications(ctx); err != nil {
		return "", err
	}
	return "active again by itself, no prompt; a notification says so; the wiki opens; the code that was missed is still asked for in the banner", t.hands.see(ctx, "Verify to use Ledger")
}

func (t *tour) stopped(ctx context.Context) (string, error) {
	if err := t.rig.Stop(syscall.SIGKILL); err != nil {
		return "", err
	}
	for _, text := range []string{"Tidegate has stopped", "Start again"} {
		if err := t.hands.see(ctx, text); err != nil {
			return "", err
		}
	}
	return "the tray process is killed: the window says so, and offers to start it again", t.hands.rest(ctx)
}

func (t *tour) restart(ctx context.Context) (string, error) {
	begin := time.Now()
	if err := t.rig.Start(ctx); err != nil { // as the button would; this one is ours to end
		return "", err
	}
	s, err := t.wait(ctx, "it is active", active)
	if err != nil {
		return "", err
	}
	took := time.Since(begin)
	if s.Prompt != nil {
		return "", fmt.Errorf("it asks for something: %+v", s.Prompt)
	}
	starts := 0
	for _, e := range s.Events {
		if e.Kind == "started" {
			starts++
		}
	}
	if starts != 2 {
		return "", fmt.Errorf("of %d things that happened, %d are starts: what was before is forgotten", len(s.Events), starts)
	}
	if err := t.hands.WaitNoWindow(ctx, title); err != nil { // that is not its own
		return "", err
	}
	if _, err := t.rig.Run(ctx, "", "window"); err != nil {
		return "", err
	}
	if _, err := t.hands.WaitWindow(ctx, title); err != nil {
		return "", err
	}
	return fmt.Sprintf("started again: active after %d ms from the cookie in the keychain, no prompt; what happened before is still told", took.Milliseconds()), t.hands.see(ctx, "Harbour Wiki")
}

func (t *tour) quit(ctx context.Context) (string, error) {
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	item, err := t.rig.WaitTrayItem(ctx, title, nil)
	if err != nil {
		return "", err
	}
	if err := t.rig.ClickTrayMenu(ctx, item, "Quit"); err != nil {
		return "", err
	}
	if err := t.rig.Ended(ctx); err != nil {
		return "", err
	}
	if err := t.hands.WaitNoWindow(ctx, title); err != nil {
		return "", err
	}
	if _, err := t.rig.Curl(ctx, app(&s, "wiki").OpenWith); err == nil {
		return "", fmt.Errorf("an application still answers")
	}
	left, err := filepath.Glob(filepath.Join(t.rig.Runtime(), "*"))
	if err != nil {
		return "", err
	}
	for _, f := range left {
		if i, err := os.Stat(f); err == nil && i.Mode()&os.ModeSocket != 0 {
			return "", fmt.Errorf("%s was left behind", f)
		}
	}
	return "by the tray's menu: window, listeners and socket are gone", nil
}
