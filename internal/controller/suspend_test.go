package controller

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestSuspend orders by session, user and device.
func TestSuspend(t *testing.T) {
	r := newRig(t)
	first, second, alice := enrolled(t, r, "bob", true), enrolled(t, r, "bob", false), enrolled(t, r, "alice", false)
	one := first.signInBob(t)
	second.signInBob(t)
	alice.signInAlice(t)
	var s wire.Snapshot
	feeds := []*feedReader{first.open(t, wire.PathEvents), second.open(t, wire.PathEvents), alice.open(t, wire.PathEvents)}
	for _, f := range feeds {
		f.next(wire.EventSnapshot, &s)
	}
	for _, row := range []struct {
		name  string
		match Match
		want  []int // of feeds
	}{
		{"session", Match{Session: one.Session}, []int{0}},
		{"user", Match{User: "bob"}, []int{0, 1}},
		{"device", Match{Device: wire.DeviceID(second.id)}, []int{1}},
	} {
		n, err := AdminSuspend(t.Context(), r.AdminSocket(), row.match)
		if err != nil || n != (Suspension{Told: len(row.want)}) {
			t.Errorf("%s: %+v, %v", row.name, n, err)
		}
		for _, i := range row.want {
			notice := wire.ChannelNotice{Site: "not decoded"}
			feeds[i].next(wire.EventSuspend, &notice)
			if notice.Site != "not decoded" { // which stands for all by its absence
				t.Errorf("%s: the notice is for %q", row.name, notice.Site)
			}
		}
	}
	// Nobody else was told: the next that each hears is its end.
	if got := audited(r, "suspend"); got != 4 {
		t.Errorf("%d orders are in the audit", got)
	}
	second.do(t, "DELETE", wire.PathSession, nil)
	var p wire.Problem
	feeds[1].next(wire.EventEnded, &p)

	feeds[0].close()
	for range feeds[0].events {
	}
	streams := func() int {
		r.hub.mu.Lock()
		defer r.hub.mu.Unlock()
		return len(r.hub.listeners)
	}
	for began := time.Now(); streams() > 1; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the stream is not noticed to have ended")
		}
	}
	n, err := AdminSuspend(t.Context(), r.AdminSocket(), Match{User: "bob"})
	if err != nil || n != (Suspension{Away: 1}) {
		t.Errorf("who is not connected: %+v, %v", n, err)
	}
	all := r.Audit()
	if a := all[len(all)-1]; a.Kind != "suspend" || a.Allow || a.User != "bob" || a.Session != one.Session || a.Target != first.id || a.Detail == "" {
		t.Errorf("the audit says %+v", a)
	}
	for what, match := range map[string]Match{"user": {User: "nobody"}, "session": {Session: "nothing"}, "device": {Device: "none"}, "device ": {Device: "N/one"}} {
		_, err := AdminSuspend(t.Context(), r.AdminSocket(), match)
		var refused *wire.Problem
		if !errors.As(err, &refused) || refused.Status != 404 || !strings.Contains(refused.Detail, strings.TrimSpace(what)) {
			t.Errorf("an unknown %s: %v", what, err)
		}
		if _, err := r.Suspend(t.Context(), match); !errors.Is(err, ErrUnknown) {
			t.Errorf("an unknown %s: %v", what, err)
		}
	}
	if n, err := r.Suspend(t.Context(), Match{Device: wire.DeviceID(second.id)}); err != nil || n != (Suspension{}) {
		t.Errorf("a device without a session: %+v, %v", n, err)
	}
	feeds[2].close()
	for e := range feeds[2].events {
		t.Errorf("alice was told %q", e.Name)
	}
}
