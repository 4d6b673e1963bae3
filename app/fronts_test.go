package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// Neither report takes back what the other has said.
func TestMergedFacts(t *testing.T) {
	var m merged
	m.device(true, nil) // before there is anybody to tell
	var got []session.DataplaneFacts
	m.to(func(f session.DataplaneFacts) { got = append(got, f) })
	apps := map[wire.AppID]session.AppFact{"wiki": {Flows: 1}}
	conflict := &wire.Problem{Code: "conflict"}
	m.plane(session.DataplaneFacts{Apps: apps})
	m.device(false, conflict)
	m.plane(session.DataplaneFacts{})
	want := []session.DataplaneFacts{{Apps: apps, TUN: true}, {Apps: apps, Problem: conflict}, {Problem: conflict}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *wire.Problem) bool { return a == b }), cmp.Comparer(func(a, b session.DataplaneFacts) bool {
		return a.TUN == b.TUN && a.Problem == b.Problem && len(a.Apps) == len(b.Apps)
	})); diff != "" {
		t.Error(diff)
	}
}
