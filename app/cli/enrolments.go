package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

const switchAbout = "An enrolment is named as `tidegate enrolments` lists it: by its organisation, its controller or its device. " +
	"What the one before has open is closed; its session rests, and switching back asks nothing. " +
	"Where its session is over, tidegate sign-in comes next."

const forgetAbout = "The device key and the session are removed from the keychain, and the controller is told that the session is over, where it answers. " +
	"Where the keychain is locked, they go from it as soon as it opens. It alone then has the session of an enrolment that was not active since Tidegate started: " +
	"the controller is not told, and that session lasts there until its time is up or an administrator ends it. To come back, you need a new enrolment link."

// listedEnrolment is an enrolment as it is listed for programs.
type listedEnrolment struct {
	session.Enrolment
	Active bool `json:"active"`
}

// enrolments lists those that this device has.
func (c *call) enrolments(ctx context.Context, _ []string) error {
	s, err := c.client.State(ctx)
	if err != nil {
		return err
	}
	all := []listedEnrolment{}
	var rows [][]string
	for _, e := range s.Enrolments {
		active := e.Device == s.Enrolment.Device
		all = append(all, listedEnrolment{e, active})
		mark := ""
		if active {
			mark = lang.T("active")
		}
		rows = append(rows, []string{e.Label(), e.User, e.Controller, string(e.Device), mark})
	}
	switch {
	case c.json:
		return c.write(all, "  ")
	case len(rows) == 0:
		c.say("This device is not enrolled; enrol it with the link that your administrator sent you: tidegate enrol LINK")
		return nil
	}
	c.table([]string{"ORGANISATION", "USER", "CONTROLLER", "DEVICE", "STATE"}, rows)
	return nil
}

// called says whether a user may mean e by that name.
func called(e session.Enrolment, name string) bool {
	host, _, _ := net.SplitHostPort(e.Controller)
	for _, n := range []string{e.Name, e.Controller, host, string(e.Device)} {
		if n != "" && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// findEnrolment finds the one that is called so.
func (c *call) findEnrolment(ctx context.Context, name string) (session.Enrolment, session.State, error) {
	s, err := c.client.State(ctx)
	if err != nil {
		return session.Enrolment{}, s, err
	}
	var found []session.Enrolment
	var known []string
	for _, e := range s.Enrolments {
		known = append(known, e.Label())
		if called(e, name) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return session.Enrolment{}, s, errors.New(lang.F("there is no enrolment %q%s; `tidegate enrolments` lists them", name, hint(name, known)))
	case 1:
		return found[0], s, nil
	}
	var devices []string
	for _, e := range found {
		devices = append(devices, fmt.Sprintf("%s (%s)", e.Device, e.User))
	}
	return session.Enrolment{}, s, errors.New(lang.F("%d enrolments are called %q; name one by its device: %s", len(found), name, strings.Join(devices, ", ")))
}

// switchTo makes another enrolment the active one.
func (c *call) switchTo(ctx context.Context, args []string) error {
	e, _, err := c.findEnrolment(ctx, args[0])
	if err != nil {
		return err
	}
	if err := c.client.Do(ctx, session.SwitchEnrolment{Device: e.Device}); err != nil {
		return err
	}
	if _, err := c.until(ctx, func(s *session.State) (bool, error) { return s.Enrolment.Device == e.Device, nil }); err != nil {
		return err
	}
	return c.done("%s is active now, for %s.", e.Label(), e.User)
}

func forgetFlags(c *call, fs *flag.FlagSet) {
	timeoutFlag(c, fs)
	fs.BoolVar(&c.yes, "yes", false, "do not ask")
}

// forget removes an enrolment from this device.
func (c *call) forget(ctx context.Context, args []string) error {
	e, s, err := c.findEnrolment(ctx, args[0])
	if err != nil {
		return err
	}
	if !c.yes {
		in := c.secrets()
		if in.mute != nil {
			fmt.Fprintln(c.Err, plaintext.Line(forgetWarning(e, &s)))
		}
		given, err := in.open(ctx, lang.F("Type %s to forget it:", yes()))
		var none usageError // no answer is no yes
		if err != nil && !errors.As(err, &none) {
			return err
		}
		if !agreed(given) {
			return deniedError{lang.F("nothing was forgotten; only %s does that, or --yes", yes())}
		}
	}
	if err := c.client.Do(ctx, session.ForgetEnrolment{Device: e.Device}); err != nil {
		return err
	}
	if s, err = c.until(ctx, func(s *session.State) (bool, error) {
		for _, left := range s.Enrolments {
			if left.Device == e.Device {
				return false, nil
			}
		}
		return true, nil
	}); err != nil {
		return err
	}
	if s.Enrolment.Enrolled() {
		return c.done("The enrolment with %s was removed. %s is active.", e.Label(), s.Enrolment.Label())
	}
	return c.done("The enrolment with %s was removed. This device is not enrolled any more.", e.Label())
}

// forgetWarning says what is about to be lost.
func forgetWarning(e session.Enrolment, s *session.State) string {
	text := lang.F("This removes the enrolment with %s for %s: its device key and its session. To come back you need a new link.", e.Label(), e.User)
	if e.Device == s.Enrolment.Device {
		text += " " + lang.T("What is open now is closed.")
	}
	return text
}
