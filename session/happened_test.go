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
