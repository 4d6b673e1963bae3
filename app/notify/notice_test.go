package notify

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func base() session.State {
	return session.State{
		Revision: 5, At: noon,
		Control: session.ControlChannel{Phase: session.ControlEstablished},
		ZTA:     session.ZTA{Active: true, Allowed: true},
		User:    session.User{Name: "ada", Session: "s1"},
		Tray:    session.TrayPresent,
		Apps: []session.App{
			{ID: "pay", Name: "Payroll", Decision: "d", State: session.AppReady},
			{ID: "wiki", Name: "Wiki", Decision: "d", State: session.AppReady},
			{ID: "git", Name: "Git", Decision: "d", State: session.AppReady},
		},
	}
}

func with(change ...func(*session.State)) session.State {
	s := base()
	for _, f := range change {
		f(&s)
	}
	return s
}

func inUse(i int) func(*session.State) {
	return func(s *session.State) { s.Apps[i].State, s.Apps[i].Flows = session.AppInUse, 1 }
}

func needsYou(i int) func(*session.State) {
	return func(s *session.State) {
		s.Apps[i].State, s.Apps[i].Cure = session.AppNeedsYou, []wire.InteractionKind{wire.InteractionMFA}
		s.Apps[i].Why = session.Why{Title: "A one-time code is needed", Fix: "Enter a code."}
	}
}

func blocked(i int) func(*session.State) {
	return func(s *session.State) {
		s.Apps[i].State, s.Apps[i].Why = session.AppBlocked, session.Why{Title: "Outside the hours", Fix: "Come back at 8"}
	}
}

func cut(i int) func(*session.State) {
	return func(s *session.State) { s.Apps[i].Cut++ }
}

// fifty are that many applications, in that state, cut so often.
func fifty(state session.AppState, cut int) func(*session.State) {
	return func(s *session.State) {
		s.Apps = nil
		for i := range 50 {
			name := fmt.Sprint("Machine ", i+1)
			s.Apps = append(s.Apps, session.App{ID: wire.AppID(name), Name: name, Decision: "d", State: state, Cut: cut})
		}
	}
}

// less takes the first n applications away.
func less(n int) func(*session.State) {
	return func(s *session.State) { s.Apps = s.Apps[n:] }
}

func notEntitled(i int) func(*session.State) {
	return func(s *session.State) { s.Apps[i].Why.Kind = wire.ReasonNotEntitled }
}

func unjudged(i int) func(*session.State) {
	return func(s *session.State) { s.Apps[i].Decision = "" }
}

func prompted(id string, deadline time.Time, apps ...wire.AppID) func(*session.State) {
	return func(s *session.State) {
		s.Prompt = &session.Prompt{ID: id, Kind: session.PromptInteraction, Deadline: deadline, Apps: apps}
	}
}

func dismissed(s *session.State) { s.Prompt.Dismissed = true }

func phase(p session.ControlPhase) func(*session.State) {
	return func(s *session.State) {
		s.Control.Phase, s.ZTA.Allowed = p, p == session.ControlEstablished || p == session.ControlReconnecting
	}
}

func signedOut(s *session.State) {
	s.User, s.Apps, s.ZTA, s.Control.Phase = session.User{}, nil, session.ZTA{}, session.ControlSignedOut
}

func enrolledAs(id wire.DeviceID) func(*session.State) {
	return func(s *session.State) { s.Enrolment.Device = id }
}

func anotherSession(s *session.State) { s.User.Session = "s2" }

func problem(code string) func(*session.State) {
	return func(s *session.State) {
		s.Problems = []session.Problem{{Code: "other"}, {Code: code, Title: "An administrator ended your session", Fix: "Sign in again."}}
	}
}

func trayIs(t session.TrayHost) func(*session.State) { return func(s *session.State) { s.Tray = t } }

func TestDiff(t *testing.T) {
	soon := noon.Add(5 * time.Minute)
	for _, tt := range []struct {
		name       string
		prev, next session.State
		want       []Notice
	}{
		{"the first state", session.State{}, with(prompted("p", soon, "pay"), trayIs(session.TrayAbsent)), nil},
		{"nothing", base(), base(), nil},
		{"access is about to lapse", base(), with(prompted("p", soon, "pay")), []Notice{{Key: "prompt", Important: true, Else: "Open Tidegate to verify.", Title: "Verify to keep Payroll",
			Body: "Access ends at 12:05. Connections that are open now stay open if you answer before.",
			Open: session.ShowPrompt{}, Button: "Verify", Do: session.ShowPrompt{}}}},
		{"the same prompt with an error", with(prompted("p", soon, "pay")), with(prompted("p", soon, "pay")), nil},
		{"of three applications", base(), with(prompted("p", soon.AddDate(0, 0, 1), "pay", "wiki", "git")), []Notice{{Key: "prompt", Important: true, Else: "Open Tidegate to verify.", Title: "Verify to keep Payroll and 2 others",
			Body: "Access ends at 3 Mar 12:05. Connections that are open now stay open if you answer before.",
			Open: session.ShowPrompt{}, Button: "Verify", Do: session.ShowPrompt{}}}},
		{"dismissed before it was seen here", base(), with(prompted("p", soon, "pay"), dismissed), nil},
		{"the user asked for the prompt", base(), with(prompted("p", time.Time{}, "pay")), nil},
		{"answered", with(prompted("p", soon, "pay")), base(), []Notice{{Key: "prompt", Over: true}}},
		{"put off by the user", with(prompted("p", soon, "pay")), with(prompted("p", soon, "pay"), dismissed), []Notice{{Key: "prompt", Over: true}}},
		{"brought back by the user", with(prompted("p", soon, "pay"), dismissed), with(prompted("p", time.Time{}, "pay")), nil},
		{"cut, with a cure", with(inUse(0)), with(needsYou(0), cut(0)), []Notice{{Key: "access", Important: true, Title: "Payroll was cut off",
			Body: "A one-time code is needed. Enter a code.", Open: session.ShowWindow{Page: session.PageApplications, App: "pay"},
			Button: "Verify", Do: session.ShowPrompt{App: "pay"}, Else: "Open Tidegate to verify."}}},
		{"cut, without", with(inUse(1)), with(blocked(1), cut(1)), []Notice{{Key: "access", Important: true, Title: "Wiki was cut off",
			Body: "Outside the hours. Come back at 8.", Open: session.ShowWindow{Page: session.PageApplications, App: "wiki"}}}},
		{"blocked while idle", base(), with(blocked(1)), []Notice{{Key: "access", Important: true, Title: "Wiki was blocked",
			Body: "Outside the hours. Come back at 8.", Open: session.ShowWindow{Page: session.PageApplications, App: "wiki"}}}},
		{"blocked by the first verdict on it", with(unjudged(1)), with(blocked(1)), nil},
		{"several at once", with(inUse(0), inUse(1)), with(needsYou(0), cut(0), blocked(1), cut(1), blocked(2)), []Notice{{Key: "access", Important: true, Title: "3 applications were cut off",
			Body: "Payroll, Wiki, Git. Open Tidegate to see why.", Open: session.ShowWindow{Page: session.PageApplications}}}},
		{"taken away while in use", with(inUse(0)), with(less(1)), []Notice{{Key: "access", Important: true, Title: "Payroll was taken from you",
			Body: "A change of policy ended its open connections. Ask your administrator if you need it.", Open: session.ShowWindow{Page: session.PageActivity}}}},
		{"all taken away while in use", with(inUse(0), inUse(1), inUse(2)), with(less(3)), []Notice{{Key: "access", Important: true, Title: "3 applications were taken from you",
			Body: "Payroll, Wiki, Git. Ask your administrator if you need them.", Open: session.ShowWindow{Page: session.PageActivity}}}},
		{"one in use among those taken away", with(inUse(1)), with(less(3)), []Notice{{Key: "access", Important: true, Title: "Wiki was taken from you",
			Body: "A change of policy ended its open connections. Ask your administrator if you need it.", Open: session.ShowWindow{Page: session.PageActivity}}}},
		{"taken away, and its gateway was quicker", with(blocked(0), cut(0), notEntitled(0)), with(less(1)), []Notice{{Key: "access", Important: true, Title: "Payroll was taken from you",
			Body: "A change of policy ended its open connections. Ask your administrator if you need it.", Open: session.ShowWindow{Page: session.PageActivity}}}},
		{"a storm", with(fifty(session.AppInUse, 0)), with(fifty(session.AppBlocked, 1)), []Notice{{Key: "access", Important: true, Title: "50 applications were cut off",
			Body: "Machine 1, Machine 2, Machine 3, Machine 4, Machine 5 and 45 more. Open Tidegate to see why.", Open: session.ShowWindow{Page: session.PageApplications}}}},
		{"one taken away and another cut", with(inUse(0), inUse(1)), with(blocked(1), cut(1), less(1)), []Notice{{Key: "access", Important: true, Title: "2 applications were cut off",
			Body: "Payroll, Wiki. Open Tidegate to see why.", Open: session.ShowWindow{Page: session.PageApplications}}}},
		{"taken away and idle", base(), with(less(2)), nil},
		{"given", with(less(2)), base(), nil},
		{"another user's", with(inUse(0)), with(less(3), anotherSession), []Notice{{Key: "access", Over: true}}},
		{"still blocked", with(blocked(1)), with(blocked(1)), nil},
		{"needs the user while idle", base(), with(needsYou(0)), nil},
		{"cured", with(needsYou(0)), with(inUse(0)), []Notice{{Key: "access", Over: true}}},
		{"one of two cured", with(needsYou(0), blocked(1)), with(inUse(0), blocked(1)), nil},
		{"closed by its user", with(inUse(0)), base(), nil},
		{"interrupted", base(), with(phase(session.ControlReconnecting)), nil},
		{"lost, with all applications", with(inUse(0), phase(session.ControlReconnecting)), with(blocked(0), blocked(1), blocked(2), phase(session.ControlLost)), []Notice{{Key: "control", Important: true,
			Title: "The controller is not reached", Open: session.ShowWindow{}, Body: "Access to your applications is prevented until it answers again. Check your network."}}},
		{"back", with(phase(session.ControlLost)), base(), []Notice{{Key: "control", Title: "The controller is reached again",
			Open: session.ShowWindow{}, Body: "Your applications are reachable."}}},
		{"back when the user had it tried", with(phase(session.ControlLost)), with(func(s *session.State) { s.Control.Asked = true }), []Notice{{Key: "control", Over: true}}},
		{"not there at the start", with(phase(session.ControlConnecting)), with(phase(session.ControlLost)), nil},
		{"back within the ride-through", with(phase(session.ControlReconnecting)), base(), nil},
		{"the user signs out", with(inUse(0)), with(signedOut), []Notice{{Key: "access", Over: true}}},
		{"an administrator ends it", with(inUse(0)), with(signedOut, problem("ended-revoked")), []Notice{{Key: "session", Important: true, Title: "An administrator ended your session",
			Body: "Sign in again.", Open: session.ShowPrompt{}, Button: "Sign in", Do: session.ShowPrompt{}}, {Key: "access", Over: true}}},
		{"signed in again", with(signedOut), base(), []Notice{{Key: "session", Over: true}}},
		{"gone over to another enrolment", with(inUse(0), prompted("p", soon, "pay")), with(signedOut, enrolledAs("other"), problem("ended-revoked")),
			[]Notice{{Key: "session", Over: true}, {Key: "control", Over: true}, {Key: "prompt", Over: true}, {Key: "access", Over: true}}},
		{"no tray at the start, which the window tells", with(trayIs(session.TrayUnknown)), with(trayIs(session.TrayAbsent)), nil},
		{"the panel goes", base(), with(trayIs(session.TrayAbsent)), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Diff(tt.prev, tt.next)); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
			if again := Diff(tt.next, tt.next); again != nil {
				t.Errorf("told twice: %+v", again)
			}
		})
	}
}

func TestFailed(t *testing.T) {
	want := Notice{Key: "failed", Important: true, Title: "That did not work", Body: "Wiki is blocked.", Open: session.ShowWindow{}}
	if diff := cmp.Diff(want, Failed(errors.New("Wiki is blocked"))); diff != "" {
		t.Error(diff)
	}
}
