package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// kept are three enrolments, two of them with one organisation.
func kept() session.State {
	s := state()
	other := session.Enrolment{Controller: "gate.harbour.example:443", Name: "Harbour", User: "ada", Device: "d2"}
	admin := other
	admin.User, admin.Device = "root", "d3"
	s.Enrolments = []session.Enrolment{s.Enrolment, other, admin}
	return s
}

func TestEnrolments(t *testing.T) {
	for _, tt := range []struct {
		line, in string
		want     result
		did      []session.Command
	}{
		{line: "enrolments", want: result{out: `ORGANISATION  USER  CONTROLLER                DEVICE  STATE
Example       ada   zta.example.com:8443      d1      active
Harbour       ada   gate.harbour.example:443  d2
Harbour       root  gate.harbour.example:443  d3
`}},
		{line: "switch d2", want: result{out: "Harbour is active now, for ada.\n"}, did: []session.Command{session.SwitchEnrolment{Device: "d2"}}},
		{line: "switch zta.example.com --json", want: result{out: "{\"ok\":true}\n"}, did: []session.Command{session.SwitchEnrolment{Device: "d1"}}},
		{line: "switch harbour", want: result{code: Failed, err: "tidegate: 2 enrolments are called \"harbour\"; name one by its device: d2 (ada), d3 (root)\n"}},
		{line: "switch port", want: result{code: Failed, err: "tidegate: there is no enrolment \"port\"; `tidegate enrolments` lists them\n"}},
		{line: "forget d2", in: "yes\n", want: result{out: "The enrolment with Harbour was removed. Example is active.\n"}, did: []session.Command{session.ForgetEnrolment{Device: "d2"}}},
		{line: "forget d2", in: "no\n", want: result{code: Denied, err: "tidegate: nothing was forgotten; only yes does that, or --yes\n"}},
		{line: "forget d2", want: result{code: Denied, err: "tidegate: nothing was forgotten; only yes does that, or --yes\n"}},
		{line: "forget Example --yes", want: result{out: "The enrolment with Example was removed. Harbour is active.\n"}, did: []session.Command{session.ForgetEnrolment{Device: "d1"}}},
	} {
		t.Run(tt.line+" "+tt.in, func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(kept())
			src.Answer = func(cmd session.Command) error {
				src.Change(func(s *session.State) { carryOut(s, cmd) })
				return nil
			}
			var out, errs bytes.Buffer
			code := Run(t.Context(), strings.Fields(tt.line), Options{In: strings.NewReader(tt.in), Out: &out, Err: &errs,
				Dial: func() (Client, error) { return running{src, make(chan struct{})}, nil }})
			if d := cmp.Diff(tt.want, result{code, out.String(), errs.String()}, cmp.AllowUnexported(result{})); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.did, src.Commands()); d != "" {
				t.Errorf("did (-want +got):\n%s", d)
			}
		})
	}
}

// carryOut does what a session would.
func carryOut(s *session.State, cmd session.Command) {
	make := func(d wire.DeviceID) {
		for _, e := range s.Enrolments {
			if e.Device == d {
				s.Enrolment = e
			}
		}
	}
	switch cmd := cmd.(type) {
	case session.SwitchEnrolment:
		make(cmd.Device)
	case session.ForgetEnrolment:
		var left []session.Enrolment
		for _, e := range s.Enrolments {
			if e.Device != cmd.Device {
				left = append(left, e)
			}
		}
		if s.Enrolments = left; s.Enrolment.Device == cmd.Device {
			make(left[0].Device)
		}
	}
}
