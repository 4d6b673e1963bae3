package cli

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// asking is a state whose prompt asks for all of kinds.
func asking(kinds ...wire.InteractionKind) session.State {
	s := state()
	s.Prompt = &session.Prompt{ID: "p1", Kind: session.PromptInteraction, Apps: []wire.AppID{"pay"}}
	for _, k := range kinds {
		i := wire.Interaction{Kind: k}
		if k == wire.InteractionMessage {
			i.Message = "Payroll is \x1b[1maudited."
		}
		s.Prompt.Interactions = append(s.Prompt.Interactions, i)
	}
	return s
}

// confirmed is the state after an answer that counted.
func confirmed() session.State {
	s := state()
	s.Prompt = nil
	s.Events = append(s.Events, session.Event{Seq: 3, At: noon, Kind: "answered", Text: "Identity confirmed"})
	return s
}

func TestAnswer(t *testing.T) {
	mfa := asking(wire.InteractionMFA)
	all := asking(wire.InteractionMessage, wire.InteractionMFA, wire.InteractionPassword, wire.InteractionReason)
	message := asking(wire.InteractionMessage)
	either := asking(wire.InteractionReason)
	p := *either.Prompt
	p.Choice = []wire.Interaction{{Kind: wire.InteractionMFA}, {Kind: wire.InteractionPassword}}
	either.Prompt = &p
	lapsed := state()
	lapsed.Prompt = nil
	nothing := lapsed
	ended := signedOut(false)
	fresh := session.State{Prompt: &session.Prompt{Kind: session.PromptEnrol}}
	code := []session.Command{session.Answer{Prompt: "p1", Device: "d1", MFA: "123456"}}
	for _, tt := range []struct {
		name  string
		state session.State
		then  []session.State
		in    string
		args  []string
		want  result
		did   []session.Command
	}{
		{"a code", mfa, []session.State{busy(mfa), confirmed()}, "123456\n", nil, result{out: "Confirmed.\n"}, code},
		{"as JSON", mfa, []session.State{busy(mfa), confirmed()}, "123456\n", []string{"--json"}, result{out: "{\"ok\":true}\n"}, code},
		{"everything", all, []session.State{busy(all), confirmed()}, "yes\n123456\ns3cret word\nthe November run\n", nil, result{out: "Confirmed.\n"},
			[]session.Command{session.Answer{Prompt: "p1", Device: "d1", MFA: "123456", Password: "s3cret word", Reason: "the November run"}}},
		{"a choice", either, []session.State{busy(either), confirmed()}, "Password\nticket 9\ns3cret word\n", nil, result{out: "Confirmed.\n"},
			[]session.Command{session.Answer{Prompt: "p1", Device: "d1", Choice: wire.InteractionPassword, Password: "s3cret word", Reason: "ticket 9"}}},
		{"a choice by its flag", either, []session.State{busy(either), confirmed()}, "ticket 9\n123456\n", []string{"--with", "mfa"}, result{out: "Confirmed.\n"},
			[]session.Command{session.Answer{Prompt: "p1", Device: "d1", Choice: wire.InteractionMFA, MFA: "123456", Reason: "ticket 9"}}},
		{"a choice that there is not", either, nil, "", []string{"--with", "message"}, result{code: Usage,
			err: "tidegate: \"message\" is not asked; choose one of mfa, password; `tidegate help` lists the commands\n"}, nil},
		{"wrong", mfa, []session.State{busy(mfa), refused(mfa, time.Time{})}, "123456\n", nil, result{code: Denied, err: "tidegate: That did not work. The answer is wrong. Try again.\n"}, code},
		{"right after wrong", refused(mfa, time.Time{}), []session.State{busy(mfa), confirmed()}, "123456\n", nil, result{out: "Confirmed.\n"}, code},
		{"lapsed meanwhile", mfa, []session.State{busy(mfa), lapsed, confirmed()}, "123456\n", nil, result{out: "Confirmed.\n"}, code},
		{"signed out meanwhile", mfa, []session.State{busy(mfa), ended}, "123456\n", nil,
			result{code: Denied, err: "tidegate: the session ended before the answer counted; sign in again: tidegate sign-in\n"}, code},
		{"no outcome", mfa, []session.State{busy(mfa)}, "123456\n", nil, result{code: Failed, err: "tidegate: not within 10s: it is still Protected (1 application is in use)\n"}, code},
		{"not acknowledged", message, nil, "no\n", nil, result{code: Denied, err: "tidegate: the message was not acknowledged; only yes does that\n"}, nil},
		{"nothing given", mfa, nil, "", nil, result{code: Usage, err: "tidegate: nothing was given at “One-time code”; `tidegate help` lists the commands\n"}, nil},
		{"nothing is asked", nothing, nil, "123456\n", nil, result{code: Failed, err: "tidegate: nothing is asked of you now; `tidegate apps` lists what each application needs\n"}, nil},
		{"signed out", signedOut(false), nil, "123456\n", nil, result{code: Denied, err: "tidegate: sign in first: tidegate sign-in\n"}, nil},
		{"not enrolled", fresh, nil, "123456\n", nil, result{code: Denied, err: "tidegate: this device is not enrolled; enrol it first: tidegate enrol LINK\n"}, nil},
		{"of an application that is asked for", mfa, []session.State{busy(mfa), confirmed()}, "123456\n", []string{"pay"}, result{out: "Confirmed.\n"}, code},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &apptest.Source{}
				src.Publish(tt.state)
				answers(src, tt.then...)
				got := invoke(t, src, tt.in, append([]string{"answer", "--timeout", "10s"}, tt.args...)...)
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.did, src.Commands()); diff != "" {
					t.Errorf("commands (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What was denied a while ago is asked for by the application's name.
func TestAnswerAsksForAnApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle, mfa := state(), asking(wire.InteractionMFA)
		idle.Prompt = nil
		src := &apptest.Source{}
		src.Publish(idle)
		src.Answer = func(cmd session.Command) error {
			switch cmd.(type) {
			case session.ShowPrompt:
				src.Publish(mfa)
			case session.Answer:
				src.Publish(confirmed())
			}
			return nil
		}
		got := invoke(t, src, "123456\n", "answer", "pay")
		if diff := cmp.Diff(result{out: "Confirmed.\n"}, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		want := []session.Command{session.ShowPrompt{App: "pay"}, session.Answer{Prompt: "p1", Device: "d1", MFA: "123456"}}
		if diff := cmp.Diff(want, src.Commands()); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
		src.Publish(idle)
		src.Answer = func(session.Command) error { return errors.New("Wiki asks nothing of you now") }
		if got := invoke(t, src, "", "answer", "wiki"); got.code != Failed || got.err != "tidegate: Wiki asks nothing of you now\n" {
			t.Errorf("%+v", got)
		}
	})
}
