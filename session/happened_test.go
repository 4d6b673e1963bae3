package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// granting is a snapshot like the bench's in which the user has n applications.
func granting(t *testing.T, b *bench, n int) wire.Snapshot {
	e := wire.EntitlementToken{Site: wire.Site{ID: "lab", Name: "Lab", Gateways: []wire.Gateway{{Name: "gw", Address: "gw.example:8444"}}}}
	for i := range n {
		id := fmt.Sprintf("app%d", i)
		e.Entitlements = append(e.Entitlements, wire.Entitlement{ID: wire.EntitlementID(id),
			Shortcuts: []wire.Shortcut{{ID: wire.AppID(id), Name: "App " + id[3:], Link: "http://" + id + ".corp/"}}})
	}
	e.Issued, e.Expires = jwt.NewNumericDate(time.Now()), jwt.NewNumericDate(time.Now().Add(24*time.Hour))
	token, err := wire.Sign(testKey(), "k", wire.TypeEntitlement, e)
	if err != nil {
		t.Fatal(err)
	}
	s := b.controller.snapshot
	s.Tokens = map[wire.SiteID]string{"lab": token}
	return s
}

// What policies give and take within a session is told, and what comes and goes
// with the session is not.
func TestAppsComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		var seq uint64
		told := func(when string, want ...Event) {
			t.Helper()
			var got []Event
			for _, e := range b.state().Events {
				if e.Seq > seq && (e.Kind == "app-removed" || e.Kind == "app-added") {
					got = append(got, Event{Kind: e.Kind, App: e.App, Text: e.Text})
				}
				seq = max(seq, e.Seq)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", when, d)
			}
		}
		b.controller.snapshot = granting(t, b, 2)
		b.enrolled("").start()
		b.do(SignIn{Password: "tide"})
		told("signed in")
		b.tell(granting(t, b, 1))
		told("one is taken", Event{Kind: "app-removed", App: "app1", Text: "App 1 was taken from you by a change of policy"})
		b.tell(granting(t, b, 3))
		told("two are given", Event{Kind: "app-added", App: "app1", Text: "App 1 was given to you by a change of policy"},
			Event{Kind: "app-added", App: "app2", Text: "App 2 was given to you by a change of policy"})
		b.tell(granting(t, b, 12))
		told("nine are given", Event{Kind: "app-added", Text: "9 applications were given to you by a change of policy"})
		b.tell(granting(t, b, 0))
		told("all are taken", Event{Kind: "app-removed", Text: "12 applications were taken from you by a change of policy"})
		b.tell(granting(t, b, 3))
		told("some are given", Event{Kind: "app-added", App: "app0", Text: "App 0 was given to you by a change of policy"},
			Event{Kind: "app-added", App: "app1", Text: "App 1 was given to you by a change of policy"},
			Event{Kind: "app-added", App: "app2", Text: "App 2 was given to you by a change of policy"})
		b.controller.end(errDown)
		b.pass(10 * time.Minute)
		told("reconnected", Event{Kind: "app-removed", App: "app2", Text: "App 2 was taken from you by a change of policy"})
		b.do(SignOut{})
		told("signed out")
		b.do(SignIn{Password: "tide"})
		told("signed in again")
		b.controller.end(&wire.Problem{Code: wire.CodeRevoked, Title: "over"})
		told("the session was ended")
	})
}

// toldSince are the events after a Seq, as kind and text.
func toldSince(s State, seq uint64) (told []string) {
	for _, e := range s.Events {
		if e.Seq > seq {
			told = append(told, e.Kind+": "+e.Text)
		}
	}
	return told
}

// What turns for many applications at once is one event, and what ends is told with
// its reason.
func TestHappened(t *testing.T) {
	why := Why{Title: "Outside the 100 % allowed hours"}
	apps := func(n int, st AppState) (all []App) {
		for i := range n {
			a := App{ID: wire.AppID(fmt.Sprint(i)), Name: fmt.Sprint("App ", i), State: st}
			if st != AppReady {
				a.Why = why
			}
			all = append(all, a)
		}
		return all
	}
	prompt := func(missed bool) *Prompt {
		return &Prompt{ID: "p", Kind: PromptInteraction, Apps: []wire.AppID{"0", "1"}, Missed: missed, Deadline: time.Now()}
	}
	on := func(s State) State { s.Revision, s.ZTA.Allowed = 1, true; return s }
	for _, tt := range []struct {
		name       string
		prev, next State
		want       []string
	}{
		{"one is blocked", on(State{Apps: apps(1, AppReady)}), on(State{Apps: apps(1, AppBlocked)}), []string{"app-blocked: App 0 is blocked: outside the 100 % allowed hours"}},
		{"many are blocked", on(State{Apps: apps(9, AppReady)}), on(State{Apps: apps(9, AppBlocked)}), []string{"app-blocked: 9 applications are blocked: outside the 100 % allowed hours"}},
		{"many need the user", on(State{Apps: apps(9, AppReady)}), on(State{Apps: apps(9, AppNeedsYou)}), []string{"app-needs-you: 9 applications need you: outside the 100 % allowed hours"}},
		{"they can be used again", on(State{Apps: apps(9, AppNeedsYou)}), on(State{Apps: apps(9, AppReady)}), []string{"app-allowed: 9 applications can be used again"}},
		{"the controller is reached again", State{Revision: 1, Apps: apps(9, AppBlocked)}, on(State{Apps: apps(9, AppReady)}), nil},
		{"asked", on(State{Apps: apps(2, AppReady)}), on(State{Apps: apps(2, AppReady), Prompt: prompt(false)}), []string{"prompted: Asked to confirm your identity, to keep App 0, App 1"}},
		{"asked still", on(State{Apps: apps(2, AppReady), Prompt: prompt(false)}), on(State{Apps: apps(2, AppReady), Prompt: prompt(false)}), nil},
		{"not answered", on(State{Apps: apps(2, AppReady), Prompt: prompt(false)}), on(State{Apps: apps(2, AppReady), Prompt: prompt(true)}), []string{"missed: Not confirmed in time: App 0, App 1"}},
		{"a gateway is silent", on(State{}), on(State{Problems: []Problem{{Code: "site-app-unreachable", Title: "The gateway of Lab is not reached"}}}), []string{"channel-failed: The gateway of Lab is not reached"}},
		{"opened", on(State{Sites: []Site{{ID: "lab", Name: "Lab", State: Connecting}}}), on(State{Apps: apps(2, AppReady), Sites: []Site{{ID: "lab", Name: "Lab", State: Connected, For: []wire.AppID{"1"}}}}),
			[]string{"channel-connected: The data channel to Lab was opened for App 1"}},
		{"ended", State{Revision: 1, User: User{Session: "s"}}, State{Problems: []Problem{{Code: "ended-revoked", Title: "Your session was ended"}}}, []string{"signed-out: Signed out: your session was ended"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := toldSince(State{Events: numbered(happened(&tt.prev, &tt.next))}, 0)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func numbered(es []Event) []Event {
	for i := range es {
		es[i].Seq = uint64(i + 1)
	}
	return es
}

// keptEvents is a Journal in memory.
type keptEvents struct{ events []Event }

func (k *keptEvents) Recent(n int) []Event {
	return append([]Event(nil), k.events[max(0, len(k.events)-n):]...)
}
func (k *keptEvents) Add(es []Event) { k.events = append(k.events, es...) }

// What is kept goes on with the next number, and everything is kept until the end.
func TestEventsGoOnAfterARestart(t *testing.T) {
	kept := &keptEvents{events: []Event{{Seq: 41, Kind: "stopped", Text: "Tidegate ended"}}}
	bubble(t, func(t *testing.T, b *bench) {
		b.journal = kept
		b.enrolled("").start()
		b.do(SignIn{Password: "tide"})
		s := b.state()
		if s.Events[0].Seq != 41 || s.Events[1].Seq != 42 || s.Events[1].Kind != "started" {
			t.Errorf("%+v", s.Events)
		}
		b.do(Quit{})
	})
	last := kept.events[len(kept.events)-1]
	if last.Kind != "stopped" || last.Seq != uint64(40+len(kept.events)) {
		t.Errorf("the last that is kept is %+v, of %d", last, len(kept.events))
	}
	if first := (&Event{Kind: "signed-in"}); first.Topic() != TopicAccess {
		t.Errorf("signing in is about %q", first.Topic())
	}
}

// A data channel is told with the applications that had it opened, also where they
// wait for it while it is on its way.
func TestWhoHadAChannelOpened(t *testing.T) {
	c := newCore(Options{}, time.Now, nil)
	c.catalog = []App{{ID: "wiki", Site: "lab"}, {ID: "pay", Site: "lab"}, {ID: "far", Site: "other"}}
	c.sites = []WantedSite{{ID: "lab"}, {ID: "other"}}
	step := func(name string, st ChannelState, apps map[wire.AppID]AppFact, want ...wire.AppID) {
		t.Helper()
		c.planeChanged(DataplaneFacts{Sites: map[wire.SiteID]SiteFact{"lab": {State: st}}, Apps: apps})
		if d := cmp.Diff(want, c.notices.users["lab"]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	step("used", Connecting, map[wire.AppID]AppFact{"wiki": {Opening: 1}, "far": {Opening: 1}}, "wiki")
	step("another waits too", Connecting, map[wire.AppID]AppFact{"wiki": {Opening: 1}, "pay": {Opening: 2}}, "wiki", "pay")
	step("connected", Connected, map[wire.AppID]AppFact{"wiki": {Flows: 1}, "pay": {}}, "wiki", "pay")
	step("used by another meanwhile", Connected, map[wire.AppID]AppFact{"wiki": {Flows: 1}, "pay": {Flows: 3}}, "wiki", "pay")
	step("suspended", Suspended, map[wire.AppID]AppFact{"wiki": {Flows: 1}})
	step("resumed", Connected, map[wire.AppID]AppFact{"wiki": {Flows: 1}, "pay": {Opening: 1}}, "pay")
	step("suspended again", Suspended, map[wire.AppID]AppFact{"wiki": {Flows: 1}})
	step("woken", Connected, map[wire.AppID]AppFact{"wiki": {Flows: 1}})
}

// Programs try again and again: that a gateway is silent is told once in a while.
func TestRepeats(t *testing.T) {
	c := newCore(Options{}, time.Now, nil)
	now := time.Now()
	for i := range 25 {
		c.record([]Event{{Kind: kindFailed, Text: "silent"}}, now.Add(time.Duration(i)*time.Minute))
	}
	c.record([]Event{{Kind: kindFailed, Text: "another"}}, now)
	if n := len(c.events); n != 4 {
		t.Errorf("told %d times", n)
	}
}
