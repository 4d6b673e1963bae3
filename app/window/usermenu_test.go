package window

import (
	"testing"

	"github.com/tidegate/tidegate/session"
)

func TestUserMenu(t *testing.T) {
	for _, c := range []struct {
		name, row, button string
		state             session.State
		want              session.Command
	}{
		{"signed in", "Maya Lindqvist", "Sign out", signedIn(), session.SignOut{}},
		{"signed out", "maya", "Sign in", signedOut(), session.ShowPrompt{}},
		{"not enrolled", "Not enrolled", "Enrol this device", notEnrolled(), session.ShowPrompt{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.apply(c.state)
			b.press(c.row)
			b.press(c.button)
			if got := b.sent(); got != c.want {
				t.Errorf("sent %#v", got)
			}
			if b.layer.modal != nil {
				t.Error("the menu is still open")
			}
		})
	}
}
