package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// running is an instance in this process.
type running struct {
	*apptest.Source
	end chan struct{} // closed: the instance has ended
}

func (r running) Watch(ctx context.Context) iter.Seq[session.State] {
	ctx, cancel := context.WithCancel(ctx)
	return func(yield func(session.State) bool) {
		defer cancel()
		go func() {
			select {
			case <-r.end:
				cancel()
			case <-ctx.Done():
			}
		}()
		r.Source.Watch(ctx)(yield)
	}
}

func (r running) State(ctx context.Context) (session.State, error) {
	select {
	case <-r.end:
		return session.State{}, local.ErrNotRunning
	default:
	}
	for s := range r.Source.Watch(ctx) {
		return s, nil
	}
	return session.State{}, ctx.Err()
}

func (r running) Gone(ctx context.Context) error {
	select {
	case <-r.end:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (running) Close() {}

// Lookup answers with the name, and refuses an address.
func (r running) Lookup(ctx context.Context, name string) (session.Lookup, error) {
	l, ok := lookups[name]
	if !ok {
		return l, &wire.Problem{Code: wire.CodeBadRequest, Title: "that is no name that can be looked up"}
	}
	return l, nil
}

// result is what a command line led to.
type result struct {
	code     int
	out, err string
}

func invoke(t *testing.T, src *apptest.Source, in string, args ...string) result {
	t.Helper()
	return invokeOn(t, running{src, make(chan struct{})}, in, args...)
}

func invokeOn(t *testing.T, r Client, in string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(t.Context(), args, Options{
		In: strings.NewReader(in), Out: &out, Err: &errs, Zone: time.UTC,
		Dial: func() (Client, error) { return r, nil },
	})
	return result{code, out.String(), errs.String()}
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func state() session.State {
	return session.State{
		At:        noon,
		Enrolment: session.Enrolment{Controller: "zta.example.com:8443", Name: "Example", User: "ada", Device: "d1"},
		ZTA:       session.ZTA{Active: true, Allowed: true, InUse: true, Title: "Protected", Detail: "1 application is in use"},
		Control:   session.ControlChannel{Phase: session.ControlEstablished, Transport: "h3"},
		User:      session.User{Name: "ada", DisplayName: "Ada Lovelace", Session: "s1"},
		Keychain:  session.KeychainReady,
		Sites:     []session.Site{{ID: "hq", Name: "Headquarters", State: session.Connected, Flows: 2}, {ID: "lab", Name: "Lab"}},
		Apps: []session.App{
			{ID: "wiki", Name: "Wiki", State: session.AppInUse, Open: session.OpenBrowser, OpenWith: "http://127.1.1.1/", Listen: netip.MustParseAddrPort("127.1.1.1:80"), Until: noon.Add(4 * time.Hour), Flows: 2, Up: 10, Down: 20, Site: "hq", Entitlement: "e1"},
			{ID: "pay", Name: "Payroll", State: session.AppNeedsYou, Open: session.OpenBrowser, Why: session.Why{Title: "A one-time code is needed", Detail: "It is too old", Fix: "Enter a code."}},
			{ID: "build", Name: "Build \x1b[31mhost", State: session.AppReady, Open: session.OpenTerminal, OpenWith: "ssh -p 2222 127.1.1.3", Until: noon.AddDate(0, 0, 1)},
			{ID: "old", Name: "Payroll", Why: session.Why{Title: "Outside the hours"}},
			{ID: "vault", Name: "Vault", State: session.AppNeedsYou, Cure: []wire.InteractionKind{wire.InteractionMFA}, Until: noon.Add(6*time.Hour + 30*time.Minute + 5*time.Second),
				Since: noon.Add(-30 * time.Minute), Decision: "d-1", Why: session.Why{Title: "This device does not meet the conditions"}, Failing: []session.Failing{
					{Kind: wire.ReasonDevice, Title: "Firewall", Found: "off", Text: "device.firewall"},
					{Kind: wire.ReasonMFA, Title: "One-time code", Found: "answered", Answered: noon.Add(-75 * time.Minute), Text: `within(responses.mfa, duration("60m"))`},
				}},
			{ID: "safe", Name: "Safe", State: session.AppBlocked, Hidden: true, Why: session.Why{Title: "This device does not meet the conditions"}, Failing: []session.Failing{{Kind: wire.ReasonDevice, Title: "This device"}}},
		},
		Prompt:   &session.Prompt{ID: "p", Kind: session.PromptInteraction, Apps: []wire.AppID{"pay"}, Deadline: noon.Add(5 * time.Minute)},
		Problems: []session.Problem{{Code: "x", Title: "The gateway is slow", Fix: "Wait"}},
		Events: []session.Event{
			{Seq: 1, At: noon, Kind: "started", Text: "Tidegate started"},
			{Seq: 2, At: noon.Add(time.Second), Kind: "app-opened", Text: "Wiki\x1b]0;x\a is in use", App: "wiki"},
		},
	}
}

func TestOutput(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want result
	}{
		{"status", []string{"status"}, result{out: `
ZTA         active: Protected (1 application is in use)
User        Ada Lovelace (ada)
Controller  Example zta.example.com:8443
Device      d1, enrolled for ada
Keychain    ready
Site        Headquarters: connected, 2 open
Site        Lab: disconnected
Needs you   verify before 12:05:00 for Payroll: tidegate answer
Problem     The gateway is slow. Wait.
`}},
		{"apps", []string{"apps"}, result{out: `
ID     NAME            STATE      UNTIL        OPEN WITH              WHY
wiki   Wiki            in-use     16:00:00     http://127.1.1.1/
pay    Payroll         needs-you                                      A one-time code is needed
build  Build [31mhost  ready      3 Mar 12:00  ssh -p 2222 127.1.1.3
old    Payroll         blocked                                        Outside the hours
vault  Vault           needs-you  18:30:05                            This device does not meet the conditions
safe   Safe            blocked                                        This device does not meet the conditions
`}},
		{"why", []string{"why", "wiki"}, result{out: `
Application  Wiki (wiki)
State        in-use
Until        Mon 2 Mar 2026 16:00:00 UTC
Site         hq
Entitlement  e1
Open         2, 10 bytes up, 20 down
`}},
		{"why it needs you", []string{"why", "pay"}, result{out: `
Application  Payroll (pay)
State        needs-you
Why          A one-time code is needed. It is too old.
What to do   Enter a code.
`}},
		{"why, by each criterion", []string{"why", "vault"}, result{out: `
Application    Vault (vault)
State          needs-you
Why            This device does not meet the conditions.
Answer it      tidegate answer vault
Since          Mon 2 Mar 2026 11:30:00 UTC
Decided again  Mon 2 Mar 2026 18:30:05 UTC
Fails          Firewall: off (device.firewall)
Fails          One-time code: answered 10:45:00 (within(responses.mfa, duration("60m")))
Decision       d-1
`}},
		{"why, and the values are hidden", []string{"why", "safe"}, result{out: `
Application  Safe (safe)
State        blocked
Why          This device does not meet the conditions.
Fails        This device
             Your administrator hides the values.
`}},
		{"events", []string{"events"}, result{out: `
2 Mar 12:00:00  Tidegate started
2 Mar 12:00:01  Wiki]0;x is in use
`}},
		{"events as JSON", []string{"events", "--json"}, result{out: `
{"seq":1,"at":"2026-03-02T12:00:00Z","kind":"started","text":"Tidegate started"}
{"seq":2,"at":"2026-03-02T12:00:01Z","kind":"app-opened","text":"Wiki\u001b]0;x\u0007 is in use","app":"wiki"}
`}},
		{"open in the browser", []string{"open", "WIKI"}, result{out: `
Opening Wiki in the browser: http://127.1.1.1/
`}},
		{"open in a terminal", []string{"open", "build"}, result{out: `
ssh -p 2222 127.1.1.3
`}},
		{"open as JSON", []string{"open", "--json", "build"}, result{out: `
{"app":"build","open":"terminal","open_with":"ssh -p 2222 127.1.1.3"}
`}},
		{"open what needs you", []string{"open", "pay"}, result{code: Denied, err: `
tidegate: Payroll needs you. A one-time code is needed. Enter a code. Answer it: tidegate answer pay
`}},
		{"two of one name", []string{"open", "payroll"}, result{code: Failed, err: "\ntidegate: 2 applications are called \"payroll\"; name one by its id, which `tidegate apps` lists\n"}},
		{"no such application", []string{"why", "nix"}, result{code: Failed, err: "\ntidegate: there is no application \"nix\"; `tidegate apps` lists them\n"}},
		{"window", []string{"window"}, result{out: "\nThe window is on its way.\n"}},
		{"window as JSON", []string{"window", "--json"}, result{out: "\n{\"ok\":true}\n"}},
		{"pause", []string{"pause"}, result{out: "\nData channels are suspended now. Open connections rest; the next use of an application resumes its channel by itself.\n"}},
		{"pause as JSON", []string{"pause", "--json"}, result{out: "\n{\"ok\":true}\n"}},
		{"pause takes nothing", []string{"pause", "hq"}, result{code: Usage, err: "\ntidegate: it is: tidegate pause; `tidegate help` lists the commands\n"}},
		{"nothing", nil, result{code: Usage, err: "\ntidegate: say what to do; `tidegate help` lists the commands\n"}},
		{"no such command", []string{"connect"}, result{code: Usage, err: "\ntidegate: there is no command \"connect\"; `tidegate help` lists the commands\n"}},
		{"no such flag", []string{"apps", "--all"}, result{code: Usage, err: "\ntidegate: flag provided but not defined: -all; `tidegate help` lists the commands\n"}},
		{"an argument is missing", []string{"open"}, result{code: Usage, err: "\ntidegate: it is: tidegate open APP; `tidegate help` lists the commands\n"}},
		{"an argument too many", []string{"apps", "x"}, result{code: Usage, err: "\ntidegate: it is: tidegate apps; `tidegate help` lists the commands\n"}},
		{"nothing to wait for", []string{"status", "--wait", "godot"}, result{code: Usage, err: "\ntidegate: there is no \"godot\" to wait for; `tidegate help` lists the commands\n"}},
		{"a link that is none", []string{"enrol", "https://example.com"}, result{code: Usage, err: "\ntidegate: an enrolment link begins with tidegate:enrol; copy the whole link that your administrator sent you; `tidegate help` lists the commands\n"}},
		{"signed in already", []string{"sign-in"}, result{out: "\nYou are signed in as Ada Lovelace (ada) already.\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &apptest.Source{}
			src.Publish(state())
			got := invoke(t, src, "", tt.args...)
			tt.want.out, tt.want.err = strings.TrimPrefix(tt.want.out, "\n"), strings.TrimPrefix(tt.want.err, "\n")
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The JSON of status, apps and why is the state's own.
// What an open application lapses by has not failed yet.
func TestWhyOfAnOpenApplication(t *testing.T) {
	s := state()
	s.Apps[4].Allowed = true
	src := &apptest.Source{}
	src.Publish(s)
	got := invoke(t, src, "", "why", "vault")
	if !strings.Contains(got.out, "\nWill fail    Firewall: off") || strings.Contains(got.out, "\nFails") || strings.Contains(got.out, "Decided again") {
		t.Errorf("it says\n%s", got.out)
	}
}

func TestJSON(t *testing.T) {
	src := &apptest.Source{}
	s := state()
	s.Revision = 1
	src.Publish(s)
	for _, tt := range []struct {
		args []string
		want any
	}{
		{[]string{"status", "--json"}, s},
		{[]string{"apps", "--json"}, s.Apps},
		{[]string{"why", "pay", "--json"}, s.Apps[1]},
		{[]string{"why", "vault", "--json"}, s.Apps[4]},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			got := invoke(t, src, "", tt.args...)
			var want, have any
			b, err := json.Marshal(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			if json.Unmarshal(b, &want) != nil || json.Unmarshal([]byte(got.out), &have) != nil || got.code != Done {
				t.Fatalf("%+v", got)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
			if strings.ContainsAny(got.out, "\x1b\u009b\a") {
				t.Error("a terminal would obey it")
			}
		})
	}
}

func TestNotRunning(t *testing.T) {
	for _, c := range commands {
		if c.alone {
			continue
		}
		args := []string{c.name, "tidegate:enrol?controller=h:1&ca=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&code=c"}[:1+c.want]
		var out, errs bytes.Buffer
		code := Run(t.Context(), args, Options{In: strings.NewReader(""), Out: &out, Err: &errs,
			Dial: func() (Client, error) { return nil, local.ErrNotRunning }})
		if code != NotRunning || errs.String() != "tidegate: Tidegate is not running; start it with: tidegate\n" || out.Len() > 0 {
			t.Errorf("%s: %d %q %q", c.name, code, out.String(), errs.String())
		}
	}
}

func TestRefused(t *testing.T) {
	src := &apptest.Source{Answer: func(session.Command) error {
		return &wire.Problem{Code: wire.CodeDenied, Title: "Wiki is blocked: outside the hours\x1b[0m"}
	}}
	src.Publish(state())
	want := result{code: Denied, err: "tidegate: Wiki is blocked: outside the hours[0m\n"}
	if diff := cmp.Diff(want, invoke(t, src, "", "open", "wiki"), cmp.AllowUnexported(result{})); diff != "" {
		t.Error(diff)
	}
}

func signedOut(code bool) session.State {
	s := state()
	s.User, s.Apps, s.Prompt, s.Problems = session.User{}, nil, nil, nil
	s.ZTA = session.ZTA{Title: "Signed out"}
	s.Control.Phase = session.ControlSignedOut
	s.Prompt = &session.Prompt{ID: "sign-in", Kind: session.PromptSignIn, User: "ada", Code: code}
	return s
}

// answers plays the session: what each command leads to, state by state.
func answers(src *apptest.Source, steps ...session.State) {
	src.Answer = func(session.Command) error {
		go func() {
			for _, s := range steps {
				time.Sleep(time.Second)
				src.Publish(s)
			}
		}()
		return nil
	}
}

func busy(s session.State) session.State {
	p := *s.Prompt
	p.Busy, p.Error = true, nil
	s.Prompt = &p
	return s
}

func refused(s session.State, until time.Time) session.State {
	p := *s.Prompt
	p.Error = &session.Problem{Title: "That did not work", Detail: "The answer is wrong.", Fix: "Try again.", Until: until}
	s.Prompt = &p
	return s
}

func TestSignIn(t *testing.T) {
	plain, coded := signedOut(false), signedOut(true)
	lost := signedOut(false)
	lost.Prompt, lost.Control.Phase = nil, session.ControlLost
	fresh := session.State{Prompt: &session.Prompt{Kind: session.PromptEnrol}}
	for _, tt := range []struct {
		name  string
		state session.State
		then  []session.State
		in    string
		want  result
		did   []session.Command
	}{
		{"password", plain, []session.State{busy(plain), state()}, "s3cret word\n", result{out: "Signed in as Ada Lovelace (ada).\n"}, []session.Command{session.SignIn{Device: "d1", Password: "s3cret word"}}},
		{"password and code", coded, []session.State{busy(coded), state()}, "s3cret\r\n123456", result{out: "Signed in as Ada Lovelace (ada).\n"}, []session.Command{session.SignIn{Device: "d1", Password: "s3cret", Code: "123456"}}},
		{"wrong", plain, []session.State{busy(plain), refused(plain, time.Time{})}, "x\n", result{code: Denied, err: "tidegate: That did not work. The answer is wrong. Try again.\n"}, []session.Command{session.SignIn{Device: "d1", Password: "x"}}},
		{"wrong again", refused(plain, time.Time{}), []session.State{busy(plain), refused(plain, time.Time{})}, "x\n", result{code: Denied, err: "tidegate: That did not work. The answer is wrong. Try again.\n"}, []session.Command{session.SignIn{Device: "d1", Password: "x"}}},
		{"right after wrong", refused(plain, time.Time{}), []session.State{busy(plain), state()}, "x\n", result{out: "Signed in as Ada Lovelace (ada).\n"}, []session.Command{session.SignIn{Device: "d1", Password: "x"}}},
		{"locked out", plain, []session.State{refused(plain, noon.Add(time.Minute))}, "x\n", result{code: Denied, err: "tidegate: That did not work. Locked until 12:01:00. Try again.\n"}, []session.Command{session.SignIn{Device: "d1", Password: "x"}}},
		{"no code given", coded, nil, "x\n", result{code: Usage, err: "tidegate: nothing was given at “One-time code”; `tidegate help` lists the commands\n"}, nil},
		{"too long", plain, nil, strings.Repeat("x", 5000), result{code: Usage, err: "tidegate: what was typed is too long; `tidegate help` lists the commands\n"}, nil},
		{"no outcome", plain, []session.State{busy(plain)}, "x\n", result{code: Failed, err: "tidegate: not within 10s: it is still Signed out\n"}, []session.Command{session.SignIn{Device: "d1", Password: "x"}}},
		{"controller lost", lost, nil, "", result{code: Failed, err: "tidegate: the controller is not reached; check your network and try again\n"}, nil},
		{"not enrolled", fresh, nil, "", result{code: Denied, err: "tidegate: this device is not enrolled; enrol it first: tidegate enrol LINK\n"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &apptest.Source{}
				src.Publish(tt.state)
				answers(src, tt.then...)
				got := invoke(t, src, tt.in, "sign-in", "--timeout", "10s")
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

func TestEnrol(t *testing.T) {
	link := "tidegate:enrol?controller=zta.example.com%3A8443&ca=" + strings.Repeat("A", 43) + "&code=c0de"
	fresh := session.State{Prompt: &session.Prompt{Kind: session.PromptEnrol}}
	for _, tt := range []struct {
		name string
		args []string
		then session.State
		want result
	}{
		{"link", []string{link}, signedOut(false), result{out: "This device is enrolled with zta.example.com:8443 for ada. Now sign in: tidegate sign-in\n"}},
		{"from standard input", []string{"-"}, signedOut(false), result{out: "This device is enrolled with zta.example.com:8443 for ada. Now sign in: tidegate sign-in\n"}},
		{"code used", []string{link}, refused(fresh, time.Time{}), result{code: Denied, err: "tidegate: That did not work. The answer is wrong. Try again.\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &apptest.Source{}
				src.Publish(fresh)
				answers(src, busy(fresh), tt.then)
				got := invoke(t, src, link+"\n", append([]string{"enrol"}, tt.args...)...)
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(result{})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]session.Command{session.Enrol{Link: session.Secret(link)}}, src.Commands()); diff != "" {
					t.Errorf("commands (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &apptest.Source{}
		src.Publish(signedOut(false))
		if got := invoke(t, src, "", "status", "--wait", "active", "--timeout", "5s"); got.code != Failed || got.err != "tidegate: not within 5s: it is still Signed out\n" {
			t.Errorf("%+v", got)
		}
		time.AfterFunc(3*time.Second, func() { src.Publish(state()) })
		if got := invoke(t, src, "", "status", "--wait", "active", "--timeout", "5s"); got.code != Done || !strings.HasPrefix(got.out, "ZTA         active") {
			t.Errorf("%+v", got)
		}
		time.AfterFunc(time.Second, func() { src.Publish(signedOut(false)) })
		if got := invoke(t, src, "", "sign-out"); got.code != Done || got.out != "Signed out.\n" {
			t.Errorf("%+v", got)
		}
	})
}

func TestQuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := running{&apptest.Source{}, make(chan struct{})}
		r.Publish(state())
		r.Answer = func(session.Command) error {
			time.AfterFunc(time.Second, func() { close(r.end) })
			return nil
		}
		if got := invokeOn(t, r, "", "quit"); got.code != Done || got.out != "Tidegate has ended.\n" {
			t.Errorf("%+v", got)
		}
		r = running{&apptest.Source{}, make(chan struct{})}
		r.Publish(state())
		if got := invokeOn(t, r, "", "quit", "--timeout", "2s"); got.code != Failed || !strings.Contains(got.err, "has not ended within 2s") {
			t.Errorf("%+v", got)
		}
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := running{&apptest.Source{}, make(chan struct{})}
		r.Publish(state())
		go func() {
			for i := range 3 {
				time.Sleep(time.Second)
				r.Change(func(s *session.State) {
					s.Events = append(s.Events, session.Event{Seq: uint64(3 + i), At: noon, Text: fmt.Sprint("event ", 3+i)})
				})
			}
			time.Sleep(time.Second)
			close(r.end)
		}()
		got := invokeOn(t, r, "", "events", "--follow")
		want := "2 Mar 12:00:00  Tidegate started\n2 Mar 12:00:01  Wiki]0;x is in use\n2 Mar 12:00:00  event 3\n2 Mar 12:00:00  event 4\n2 Mar 12:00:00  event 5\n"
		if diff := cmp.Diff(result{out: want}, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Error(diff)
		}
	})
}
