package tray

import (
	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

// MaxSwitches is how many other enrolments the menu shows; the window shows all.
const MaxSwitches = 3

// switches are the items that make another enrolment the active one. Two of one
// organisation are told apart by their user.
func switches(s *session.State) (items [MaxSwitches]Item) {
	called := map[string]int{}
	for _, e := range s.Enrolments {
		called[e.Label()]++
	}
	n := 0
	for _, e := range s.Enrolments {
		if e.Device == s.Enrolment.Device || n == MaxSwitches {
			continue
		}
		label := lang.F("Switch to %s", plaintext.Short(e.Label(), nameWidth))
		if called[e.Label()] > 1 {
			label = lang.F("Switch to %s (%s)", plaintext.Short(e.Label(), nameWidth), plaintext.Short(e.User, nameWidth))
		}
		items[n] = Item{label, session.SwitchEnrolment{Device: e.Device}}
		n++
	}
	return items
}
