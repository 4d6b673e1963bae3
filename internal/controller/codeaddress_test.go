package controller

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

const codeOutside = `
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: outside}
spec:
  assign: {groups: [finance], criteria: '!inNetwork(system.address, "192.0.2.0/24")'}
  entitlements: [ledger]
  requireCode: true
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: inside}
spec:
  assign: {groups: [finance], criteria: 'inNetwork(system.address, "192.0.2.0/24")'}
  entitlements: [ledger]
`

// TestCodeByAddress: where the client is decides whether a sign-in takes a code,
// and who signed in without one does not come by a policy that wants one by
// moving to where it is assigned.
func TestCodeByAddress(t *testing.T) {
	conf, dir := longConfig(t, codeOutside), t.TempDir()
	for _, p := range conf.Policies {
		if p.Name == "finance" {
			p.Groups = []string{"auditors"}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		alice := b.device("alice")
		asked := func() bool {
			var h wire.Hello
			if err := json.Unmarshal(alice.must(http.StatusOK, "GET", wire.PathHello, nil).Body.Bytes(), &h); err != nil {
				t.Fatal(err)
			}
			return h.Code
		}
		policies := func(from string) []string {
			alice.from = from
			alice.open(wire.PathEvents)
			return b.mustGet(alice).Policies
		}
		const inside, outside = "192.0.2.1", "198.51.100.7"
		plain := wire.SignInRequest{User: "alice", Password: alicePassword}

		alice.from = outside
		if !asked() {
			t.Error("outside no code is asked for")
		}
		alice.must(http.StatusUnauthorized, "POST", wire.PathSession, plain)
		alice.from = inside
		if asked() {
			t.Error("inside a code is asked for")
		}
		alice.cookie = alice.must(http.StatusOK, "POST", wire.PathSession, plain).Result().Cookies()[0]
		for range 2 {
			if got := policies(inside); !slices.Equal(got, []string{"everyone", "inside"}) {
				t.Errorf("inside, assigned are %v", got)
			}
			if got := policies(outside); !slices.Equal(got, []string{"everyone"}) {
				t.Errorf("outside without a code, assigned are %v", got)
			}
		}
		if all, err := b.Explain(t.Context(), "alice", "ledger"); err != nil || len(all) != 1 || all[0].Reason.Kind != wire.ReasonNotEntitled {
			t.Errorf("explained as %+v, %v", all, err)
		}
		next := *conf
		if p, err := b.plan(t.Context(), &next, nil); err != nil || len(p.Effects) > 0 {
			t.Errorf("no change has the effects %v, %v", p.Effects, err)
		}
		if err := b.Reload(t.Context(), &next); err != nil {
			t.Fatal(err)
		}
		if got := b.mustGet(alice); !slices.Equal(got.Policies, []string{"everyone"}) || got.Renew == 0 {
			t.Errorf("after a reload, assigned are %v", got.Policies)
		}

		time.Sleep(time.Minute)
		alice.from = outside
		alice.signIn()
		if got := policies(inside); !slices.Equal(got, []string{"everyone", "inside"}) {
			t.Errorf("inside, assigned are %v", got)
		}
		if got := policies(outside); !slices.Equal(got, []string{"everyone", "outside"}) {
			t.Errorf("outside with a code, assigned are %v", got)
		}
	})
}
