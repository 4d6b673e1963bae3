package cli

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

func (c *call) signIn(ctx context.Context, _ []string) error {
	s, err := c.until(ctx, func(s *session.State) (bool, error) {
		switch {
		case !s.Enrolment.Enrolled():
			return false, deniedError{lang.T("this device is not enrolled; enrol it first: tidegate enrol LINK")}
		case s.User.Name != "":
			return true, nil
		case s.Control.Phase == session.ControlLost:
			return false, errors.New(lang.T("the controller is not reached; check your network and try again"))
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
	cmd := session.SignIn{Device: s.Enrolment.Device}
	if cmd.Password, err = in.ask(ctx, lang.F("Password for %s:", s.Prompt.User)); err != nil {
		return err
	}
	if s.Prompt.Code {
		if cmd.Code, err = in.ask(ctx, lang.T("One-time code:")); err != nil {
			return err
		}
	}
	s, err = c.answer(ctx, cmd, session.PromptSignIn, func(s *session.State) (bool, error) { return s.User.Name != "" && s.ZTA.Active, nil })
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
		if link, err = c.secrets().ask(ctx, lang.T("Enrolment link:")); err != nil {
			return err
		}
	}
	if _, err := wire.ParseEnrolmentLink(string(link)); err != nil {
		return usageError{lang.Told(err.Error())}
	}
	before, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	s, err := c.answer(ctx, session.Enrol{Link: link}, session.PromptEnrol, func(s *session.State) (bool, error) {
		return s.Enrolment.Enrolled() && s.Enrolment.Device != before.Enrolment.Device, nil
	})
	if err != nil {
		return err
	}
	return c.done("This device is enrolled with %s for %s. Now sign in: tidegate sign-in", s.Enrolment.Controller, s.Enrolment.User)
}
