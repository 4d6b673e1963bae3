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
	dns := &session.DNSFact{}
	m.names(dns)
	m.plane(session.DataplaneFacts{Apps: apps})
	m.names(nil)
	want := []session.DataplaneFacts{{Apps: apps, TUN: true}, {Apps: apps, Problem: conflict}, {Problem: conflict},
		{Problem: conflict, DNS: dns}, {Problem: conflict, DNS: dns, Apps: apps}, {Problem: conflict, Apps: apps}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *wire.Problem) bool { return a == b }), cmp.Comparer(func(a, b session.DataplaneFacts) bool {
		return a.TUN == b.TUN && a.Problem == b.Problem && a.DNS == b.DNS && len(a.Apps) == len(b.Apps)
	})); diff != "" {
		t.Error(diff)
	}
}
