package controller

import (
	"net/http"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestSerialsRise: gateways tell by them which tokens are the newer, whatever
// the clocks do.
func TestSerialsRise(t *testing.T) {
	c, ask := inBubble(t, exampleConfig(t), t.TempDir()) // the real clock does as well
	if w := ask("POST", wire.PathSession, aliceSignIn(t), nil); w.Code != http.StatusOK {
		t.Fatalf("sign-in: %s", w.Body)
	}
	serial := func() (of uint64) {
		all, err := c.sessions().list(t.Context(), kindSession)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d sessions, %v", len(all), err)
		}
		for _, s := range all {
			rec, err := c.tokens().get(t.Context(), recordKey(kindToken, s.Tokens.Entitlements["hq"]))
			if err != nil {
				t.Fatal(err)
			}
			v, err := wire.ReadEntitlements(rec.Token)
			if err != nil {
				t.Fatal(err)
			}
			of = v.Serial
			if of > s.Tokens.Serial || of == 0 {
				t.Errorf("the token's serial is %d, the record's %d", of, s.Tokens.Serial)
			}
		}
		return of
	}
	first := serial()
	for _, which := range []Renewal{{}, {Claims: true}, {Entitlements: true}} {
		if n, err := c.RenewTokens(t.Context(), which, Match{}); err != nil || n != 1 {
			t.Fatalf("%d sessions renewed, %v", n, err)
		}
	}
	if again := serial(); again <= first+2 {
		t.Errorf("after three renewals the serial went from %d to %d", first, again)
	}
}
