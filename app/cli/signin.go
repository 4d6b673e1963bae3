package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func (c *call) signIn(ctx context.Context, _ []string) error {
	s, err := c.until(ctx, func(s *session.State) (bool, error) {
		switch {
		case !s.Enrolment.Enrolled():
			return false, deniedError{"this device is not enrolled; enrol it first: tidegate enrol LINK"}
		case s.User.Name != "":
			return true, nil
		case s.Control.Phase == session.ControlLost:
			return false, fmt.Errorf("the controller is not reached; check your network and try again")
		}
		return signInPrompt(s) && !s.Prompt.Busy, nil
	})
	if err != nil {
		return err
	}
	if s.User.Name != "" {
		return c.done("You are signed in as %s already.", person(s.User))
	}
	in := c.secrets()
	var cmd session.SignIn
	if cmd.Password, err = in.ask(ctx, "Password for "+s.Prompt.User+": "); err != nil {
		return err
	}
	if s.Prompt.Code {
		if cmd.Code, err = in.ask(ctx, "One-time code: "); err != nil {
			return err
		}
	}
	s, err = c.answer(ctx, cmd, session.PromptSignIn, func(s *session.State) bool { return s.User.Name != "" && s.ZTA.Active })
	if err != nil {
		return err
	}
	return c.done("Signed in as %s.", person(s.User))
}

func signInPrompt(s *session.State) bool {
	return s.Prompt != nil && s.Prompt.Kind == session.PromptSignIn
}

func (c *call) signOut(ctx context.Context, _ []string) error {
	if err := c.client.Do(ctx, session.SignOut{}); err != nil {
		return err
	}
	if _, err := c.until(ctx, func(s *session.State) (bool, error) { return s.User.Name == "", nil }); err != nil {
		return err
	}
	return c.done("Signed out.")
}

func (c *call) enrol(ctx context.Context, args []string) error {
	link := session.Secret(args[0])
	if link == "-" {
		var err error
		if link, err = c.secrets().ask(ctx, "Enrolment link: "); err != nil {
			return err
		}
	}
	if _, err := wire.ParseEnrolmentLink(string(link)); err != nil {
		return usageError{err.Error()}
	}
	before, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	s, err := c.answer(ctx, session.Enrol{Link: link}, session.PromptEnrol, func(s *session.State) bool {
		return s.Enrolment.Enrolled() && s.Enrolment.Device != before.Enrolment.Device
	})
	if err != nil {
		return err
	}
	return c.done("This device is enrolled with %s for %s. Now sign in: tidegate sign-in", s.Enrolment.Controller, s.Enrolment.User)
}

// answer gives an answer to the prompt of that kind and waits for what comes
// of it: done, or the prompt's error.
func (c *call) answer(ctx context.Context, cmd session.Command, kind session.PromptKind, done func(*session.State) bool) (session.State, error) {
	before, err := c.client.State(ctx)
	if err != nil {
		return before, err
	}
	// The answer under way is a revision and its outcome is one; an error from
	// before is taken for neither.
	fresh := before.Revision + 1
	if p := before.Prompt; p != nil && p.Error != nil {
		fresh++
	}
	if err := c.client.Do(ctx, cmd); err != nil {
		return before, err
	}
	return c.until(ctx, func(s *session.State) (bool, error) {
		if done(s) {
			return true, nil
		}
		p := s.Prompt
		if s.Revision < fresh || p == nil || p.Kind != kind || p.Busy || p.Error == nil {
			return false, nil
		}
		text := join(p.Error.Title, p.Error.Detail, p.Error.Fix)
		if !p.Error.Until.IsZero() {
			text = join(p.Error.Title, "Locked until "+c.clock(p.Error.Until, s.At), p.Error.Fix)
		}
		return false, deniedError{text}
	})
}

// secrets reads what must not be seen: from a terminal without echo, from
// anything else a line each.
type secrets struct {
	c    *call
	in   *bufio.Reader
	mute func() (restore func(), err error) // nil: not a terminal
}

func (c *call) secrets() *secrets {
	return &secrets{c: c, in: bufio.NewReaderSize(c.In, wire.MaxLink+2), mute: muter(c.In)}
}

// ask reads one of them. When ctx ends the terminal is as before, though the
// read goes on until the process ends.
func (s *secrets) ask(ctx context.Context, what string) (session.Secret, error) {
	if s.mute != nil {
		restore, err := s.mute()
		if err != nil {
			return "", fmt.Errorf("ask without echo: %w; give it on standard input", err)
		}
		fmt.Fprint(s.c.Err, plaintext.Line(what)+" ")
		defer fmt.Fprintln(s.c.Err)
		defer restore()
	}
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := s.in.ReadSlice('\n')
		read <- result{string(line), err}
	}()
	var r result
	select {
	case r = <-read:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	secret := strings.TrimRight(r.line, "\r\n")
	if r.err == bufio.ErrBufferFull || len(secret) > wire.MaxSecret {
		return "", usageError{"what was typed is too long"}
	}
	if secret == "" {
		return "", usageError{"nothing was given for " + strings.TrimRight(what, ": ")}
	}
	return session.Secret(secret), nil
}
