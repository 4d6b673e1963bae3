package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// respond answers the interaction prompt, or asks for an application's and
// answers that.
func (c *call) respond(ctx context.Context, args []string) error {
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		a, _, err := c.find(ctx, args[0])
		if err != nil {
			return err
		}
		if !interacts(&s, a) {
			if err := c.client.Do(ctx, session.ShowPrompt{App: a.ID}); err != nil {
				return err
			}
			if s, err = c.client.State(ctx); err != nil {
				return err
			}
		}
	}
	switch p := s.Prompt; {
	case p != nil && p.Kind == session.PromptEnrol:
		return deniedError{lang.T("this device is not enrolled; enrol it first: tidegate enrol LINK")}
	case p != nil && p.Kind == session.PromptSignIn:
		return deniedError{lang.T("sign in first: tidegate sign-in")}
	case p == nil:
		return errors.New(lang.T("nothing is asked of you now; `tidegate apps` lists what each application needs"))
	}
	cmd, err := c.gather(ctx, &s)
	if err != nil {
		return err
	}
	var last uint64
	if n := len(s.Events); n > 0 {
		last = s.Events[n-1].Seq
	}
	_, err = c.answer(ctx, cmd, session.PromptInteraction, func(now *session.State) (bool, error) {
		for _, e := range now.Events {
			if e.Seq > last && e.Kind == "answered" {
				return true, nil
			}
		}
		if now.User.Session != s.User.Session {
			return false, deniedError{lang.T("the session ended before the answer counted; sign in again: tidegate sign-in")}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return c.done("Confirmed.")
}

// interacts says whether what a needs is asked already.
func interacts(s *session.State, a session.App) bool {
	return s.Prompt != nil && s.Prompt.Kind == session.PromptInteraction && slices.Contains(s.Prompt.Apps, a.ID)
}

// gather asks for all that the prompt of s asks, in its order.
func (c *call) gather(ctx context.Context, s *session.State) (session.Answer, error) {
	cmd := session.Answer{Prompt: s.Prompt.ID, Device: s.Enrolment.Device}
	in := c.secrets()
	all := s.Prompt.Interactions
	if len(s.Prompt.Choice) > 0 {
		chosen, err := c.choose(ctx, in, s.Prompt.Choice)
		if err != nil {
			return session.Answer{}, err
		}
		cmd.Choice = chosen.Kind
		all = append(all[:len(all):len(all)], chosen)
	}
	for _, i := range all {
		var err error
		if i.Message != "" && in.mute != nil {
			fmt.Fprintln(c.Err, plaintext.Line(i.Message))
		}
		switch i.Kind {
		case wire.InteractionMFA:
			cmd.MFA, err = in.ask(ctx, lang.T("One-time code:"))
		case wire.InteractionPassword:
			cmd.Password, err = in.ask(ctx, lang.F("Password for %s:", s.User.Name))
		case wire.InteractionReason:
			cmd.Reason, err = in.open(ctx, lang.T("Reason:"))
		case wire.InteractionMessage:
			var given string
			if given, err = in.open(ctx, lang.F("Type %s to acknowledge it:", yes())); err == nil && !agreed(given) {
				err = deniedError{lang.F("the message was not acknowledged; only %s does that", yes())}
			}
		default:
			err = errors.New(lang.T("this version cannot answer what is asked; answer in the window: tidegate window"))
		}
		if err != nil {
			return session.Answer{}, err
		}
	}
	return cmd, nil
}

// choose returns the one of several interactions that --with names, or that the
// user chooses.
func (c *call) choose(ctx context.Context, in *secrets, from []wire.Interaction) (wire.Interaction, error) {
	var names []string
	for _, i := range from {
		names = append(names, string(i.Kind))
	}
	choice := c.with
	if choice == "" {
		var err error
		if choice, err = in.open(ctx, lang.F("Answer with which of %s?", strings.Join(names, ", "))); err != nil {
			return wire.Interaction{}, err
		}
	}
	for _, i := range from {
		if strings.EqualFold(strings.TrimSpace(choice), string(i.Kind)) {
			return i, nil
		}
	}
	return wire.Interaction{}, usageError{lang.F("%q is not asked; choose one of %s", choice, strings.Join(names, ", "))}
}

// answer gives an answer to the prompt of that kind and waits for what comes
// of it: done, an error of its own, or the prompt's error.
func (c *call) answer(ctx context.Context, cmd session.Command, kind session.PromptKind, done func(*session.State) (bool, error)) (session.State, error) {
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
		if ok, err := done(s); ok || err != nil {
			return ok, err
		}
		p := s.Prompt
		if s.Revision < fresh || p == nil || p.Kind != kind || p.Busy || p.Error == nil {
			return false, nil
		}
		text := join(p.Error.Title, p.Error.Detail, p.Error.Fix)
		if !p.Error.Until.IsZero() {
			text = join(p.Error.Title, lang.F("Locked until %s", c.clock(p.Error.Until, s.At)), p.Error.Fix)
		}
		return false, deniedError{text}
	})
}
