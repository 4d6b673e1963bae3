package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tidegate/tidegate/session"
)

// The steps in which the data channel comes and goes below open connections.

// channel says whether the only data channel is in a state, and a lane.
func channel(s *session.State, state session.ChannelState, lane string) bool {
	return len(s.Sites) == 1 && s.Sites[0].State == state && (lane == "" || s.Sites[0].Lane == lane)
}

// asleep sees that the channel is suspended with an open connection, and that no
// packet passes.
func (t *tour) asleep(ctx context.Context) (string, error) {
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
	if _, err := t.rig.Run(ctx, "", "pause"); err != nil {
		return "", err
	}
	if _, err := t.wait(ctx, "the data channel is suspended", func(s *session.State) bool { return channel(s, session.Suspended, "") }); err != nil {
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
	if err := t.hands.see(ctx, "Suspended"); err != nil {
		return "", err
	}
	return "suspended by `tidegate pause` with netcat connected, which is at rest; then no packet in 2 s", nil
}

// awake uses the connection that rests.
func (t *tour) awake(ctx context.Context) (string, error) {
	begin := time.Now()
	if err := t.dispatch.say("after"); err != nil {
		return "", err
	}
	took := time.Since(begin)
	if _, err := t.wait(ctx, "the data channel is connected", func(s *session.State) bool { return channel(s, session.Connected, "") }); err != nil {
		return "", err
	}
	return fmt.Sprintf("netcat's next line, and its echo, came over a new carrier %d ms after it was typed", took.Milliseconds()), nil
}

// noUDP has the network drop UDP below an open connection.
func (t *tour) noUDP(ctx context.Context) (string, error) {
	if err := t.dispatch.say("over HTTP/3"); err != nil {
		return "", err
	}
	if _, err := t.wait(ctx, "HTTP/3 carries", func(s *session.State) bool { return channel(s, session.Connected, "h3") }); err != nil {
		return "", err
	}
	if _, err := t.lab.ask(ctx, "udp drop"); err != nil {
		return "", err
	}
	begin := time.Now()
	if err := t.dispatch.say("over HTTP/2"); err != nil {
		return "", err
	}
	took := time.Since(begin)
	if _, err := t.wait(ctx, "HTTP/2 carries", func(s *session.State) bool { return channel(s, session.Connected, "h2") }); err != nil {
		return "", err
	}
	if _, err := t.lab.ask(ctx, "udp pass"); err != nil {
		return "", err
	}
	t.dispatch.close()
	t.dispatch = nil
	return fmt.Sprintf("the network drops UDP below netcat's connection: its next line went over HTTP/2, and its echo came after %.1f s", took.Seconds()), nil
}

// run has programs use applications by their own names, without privileges.
func (t *tour) run(ctx context.Context) (string, error) {
	const address = "http://wiki.harbour.example/"
	page, err := t.rig.Run(ctx, "", "run", "--", "curl", "-sS", "--max-time", "20", address)
	if err != nil {
		return "", err
	}
	s, err := t.state(ctx)
	if err != nil {
		return "", err
	}
	proxied, err := t.rig.Command(ctx, "curl", "-sS", "--max-time", "20", "--socks5-hostname", s.Local.Proxy.String(), address).Output()
	if err != nil {
		return "", fmt.Errorf("curl by the proxy: %w", err)
	}
	for _, p := range []string{page, string(proxied)} {
		if !strings.Contains(p, "Harbour Wiki") {
			return "", fmt.Errorf("curl got %.200q", p)
		}
	}
	return fmt.Sprintf("curl fetched %s in namespaces of its own (tidegate run), and by the proxy at %s", address, s.Local.Proxy), nil
}
