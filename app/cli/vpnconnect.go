package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

// vpnDenials are the failures that are a denial, or need the user.
var vpnDenials = []session.VPNFailureCode{session.VPNRefused, session.VPNDistrusted, session.VPNOtherServer,
	session.VPNUnanswered, session.VPNExpired, session.VPNHostChecker, session.VPNBrowser}

// vpnConnect connects a VPN and answers what its server asks meanwhile.
func (c *call) vpnConnect(ctx context.Context, what string) error {
	v, err := c.vpnOf(ctx, what)
	if err != nil {
		return err
	}
	if err := c.client.Do(ctx, session.ConnectVPN{Connection: v.ID}); err != nil {
		return err
	}
	in := c.secrets()
	for {
		asked, err := c.connected(ctx, v.ID)
		if err != nil {
			return err
		}
		if asked == nil {
			break
		}
		cmd, err := c.gatherVPN(ctx, in, asked)
		if err != nil {
			c.cancelVPN(ctx, asked.ID)
			return err
		}
		if err := c.client.Do(ctx, cmd); err != nil {
			c.cancelVPN(ctx, asked.ID)
			return err
		}
	}
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	if v, err = findVPN(s.VPN.Connections, v.ID); err != nil {
		return err
	}
	if c.json {
		return c.write(v, "  ")
	}
	c.say("%s is connected.", v.Label())
	if p := v.Problem; p != nil {
		c.say("%s", join(p.Title, p.Detail, p.Fix))
	}
	for _, w := range s.VPN.Warnings {
		if w.Connection == v.ID && !w.Ahead {
			c.say("%s", join(w.Title, w.Detail, w.Fix))
		}
	}
	return nil
}

// connected returns once the connection is up, or with what its server asks.
func (c *call) connected(ctx context.Context, id string) (asked *session.VPNPrompt, err error) {
	err = c.untilVPN(ctx, lang.T("it is still not connected; `tidegate vpn` says how it is"), func(s *session.State) (bool, error) {
		v, err := findVPN(s.VPN.Connections, id)
		if err != nil {
			return false, errors.New(lang.T("the connection was removed meanwhile"))
		}
		if p := s.VPN.Prompt; p != nil && p.Connection == id {
			asked = p
			return !p.Busy, nil
		}
		switch asked = nil; {
		case v.Phase == session.VPNConnected:
			return true, nil
		case v.Phase != session.VPNDisconnected:
			return false, nil
		case v.Problem == nil:
			return false, errors.New(lang.F("%s was disconnected meanwhile", v.Label()))
		}
		text := join(v.Problem.Title, v.Problem.Detail, v.Problem.Fix)
		if slices.ContainsFunc(vpnDenials, func(f session.VPNFailureCode) bool { return v.Problem.Code == "vpn-"+string(f) }) {
			return false, deniedError{text}
		}
		return false, errors.New(text)
	})
	return asked, err
}

// cancelVPN leaves a question unanswered, also where the user has had enough.
func (c *call) cancelVPN(ctx context.Context, prompt string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := c.client.Do(ctx, session.CancelVPNPrompt{Prompt: prompt}); err != nil {
		fmt.Fprintln(c.Err, "tidegate: "+plaintext.Line(err.Error()))
	}
}

// gatherVPN asks for all that a VPN's server asks, in its order.
func (c *call) gatherVPN(ctx context.Context, in *secrets, p *session.VPNPrompt) (cmd session.AnswerVPNPrompt, err error) {
	cmd.Prompt = p.ID
	if p.Error != "" && in.mute == nil {
		return cmd, deniedError{p.Error} // what follows on standard input is no second try
	}
	for _, text := range []string{p.Error, p.Message} {
		if text = plaintext.Line(text); text != "" && (in.mute != nil || p.Kind == session.VPNCertificate) {
			fmt.Fprintln(c.Err, text)
		}
	}
	if p.Kind == session.VPNCertificate {
		return cmd, c.trust(ctx, in, p)
	}
	for _, f := range p.Fields {
		v, err := fill(ctx, in, f)
		if err != nil {
			return cmd, err
		}
		cmd.Values = append(cmd.Values, v)
	}
	return cmd, nil
}

// trust asks whether a server is the right one.
func (c *call) trust(ctx context.Context, in *secrets, p *session.VPNPrompt) error {
	vouched := lang.T("Nobody whom this machine trusts vouches for it.")
	if p.Vouched != "" {
		vouched = lang.F("%s vouches for it.", p.Vouched)
	}
	first := lang.T("It is the first time that this server is connected to.")
	if p.Host != "" {
		first = lang.F("The server sends on to another, %s, for the first time.", p.Host)
	}
	for _, line := range []string{first + " " + vouched, lang.F("Certificate: %s", p.Subject), lang.F("Fingerprint: %s", p.Fingerprint)} {
		fmt.Fprintln(c.Err, plaintext.Line(line))
	}
	given, err := in.open(ctx, lang.F("Type %s, or its fingerprint, to trust it:", yes()))
	if err != nil {
		return err
	}
	if !agreed(given) && strings.TrimSpace(given) != p.Fingerprint {
		return deniedError{lang.F("the server was not trusted; only %s or its fingerprint does that", yes())}
	}
	return nil
}

// fill asks for one field.
func fill(ctx context.Context, in *secrets, f session.VPNField) (session.Secret, error) {
	label := strings.TrimRight(strings.TrimSpace(f.Label), ":")
	if label == "" {
		label = lang.T("Your answer")
	}
	switch f.Kind {
	case session.VPNPassword, session.VPNCode:
		return in.ask(ctx, label+": ")
	case session.VPNChoice:
		label += " (" + strings.Join(f.Choices, ", ") + ")"
	}
	if f.Value != "" {
		label += " [" + f.Value + "]"
	}
	text, err := in.line(ctx, label+": ", in.plain())
	if err != nil {
		return "", err
	}
	if text == "" {
		text = f.Value
	}
	if f.Kind != session.VPNChoice {
		return session.Secret(text), nil
	}
	for _, choice := range f.Choices {
		if strings.EqualFold(strings.TrimSpace(text), strings.TrimSpace(choice)) {
			return session.Secret(choice), nil
		}
	}
	return "", usageError{lang.F("%q is not offered; choose one of %s", text, strings.Join(f.Choices, ", "))}
}
