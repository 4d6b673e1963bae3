package tray

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// The menu has a line for each other enrolment, three at most, and none where there is
// but one.
func TestSwitches(t *testing.T) {
	of := func(name, user string, d wire.DeviceID) session.Enrolment {
		return session.Enrolment{Controller: "zta.example:8443", Name: name, User: user, Device: d}
	}
	to := func(label string, d wire.DeviceID) Item { return Item{label, session.SwitchEnrolment{Device: d}} }
	active := of("Harbour", "maya", "d1")
	for name, c := range map[string]struct {
		all  []session.Enrolment
		want [MaxSwitches]Item
	}{
		"none": {},
		"one":  {all: []session.Enrolment{active}},
		"others": {[]session.Enrolment{of("", "maya", "d2"), active, of("Plant\n", "maya", "d3")},
			[MaxSwitches]Item{to("Switch to zta.example:8443", "d2"), to("Switch to Plant", "d3")}},
		"one organisation twice": {[]session.Enrolment{active, of("Harbour", "root", "d2")},
			[MaxSwitches]Item{to("Switch to Harbour (root)", "d2")}},
		"many": {[]session.Enrolment{of("A", "u", "d2"), of("B", "u", "d3"), of("C", "u", "d4"), of("D", "u", "d5"), active},
			[MaxSwitches]Item{to("Switch to A", "d2"), to("Switch to B", "d3"), to("Switch to C", "d4")}},
	} {
		if d := cmp.Diff(c.want, MenuFor(session.State{Enrolment: active, Enrolments: c.all}).Switches); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
