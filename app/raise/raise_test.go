package raise

import (
	"testing"

	"github.com/tidegate/tidegate/session"
)

func TestNeeded(t *testing.T) {
	ask := func(id string, dismissed bool) session.State {
		return session.State{Prompt: &session.Prompt{ID: id, Dismissed: dismissed}}
	}
	missed := func(id string) session.State {
		return session.State{Prompt: &session.Prompt{ID: id, Missed: true}}
	}
	vpn := func(id string, unawaited bool) session.State {
		return session.State{VPN: session.VPN{Prompt: &session.VPNPrompt{ID: id, Unawaited: unawaited}}}
	}
	seq := func(n uint64) session.State { return session.State{Window: session.WindowRequest{Seq: n}} }
	tray := func(h session.TrayHost) session.State { return session.State{Tray: h} }
	for _, tt := range []struct {
		name       string
		prev, next session.State
		want       bool
	}{
		{"nothing", session.State{}, session.State{}, false},
		{"somebody asks for the window", seq(3), seq(4), true},
		{"asked for before the first state", session.State{}, seq(1), true},
		{"asked for already", seq(4), seq(4), false},
		{"a prompt", session.State{}, ask("a", false), true},
		{"the same prompt", ask("a", false), ask("a", false), false},
		{"another prompt", ask("a", false), ask("b", false), true},
		{"a dismissed prompt", session.State{}, ask("a", true), false},
		{"dismissed now", ask("a", false), ask("a", true), false},
		{"missed", ask("a", false), missed("b"), false},
		{"missed before the first state", session.State{}, missed("a"), false},
		{"brought back", ask("a", true), ask("a", false), true},
		{"a VPN's server asks", session.State{}, vpn("a", false), true},
		{"it asks still", vpn("a", false), vpn("a", false), false},
		{"it asks something else", vpn("a", false), vpn("b", false), true},
		{"it asks when nobody waits", session.State{}, vpn("a", true), false},
		{"it has been answered", vpn("a", false), session.State{}, false},
		{"no tray", tray(session.TrayUnknown), tray(session.TrayAbsent), true},
		{"the panel crashes", tray(session.TrayPresent), tray(session.TrayAbsent), false},
		{"a tray", tray(session.TrayUnknown), tray(session.TrayPresent), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Needed(tt.prev, tt.next); got != tt.want {
				t.Errorf("Needed = %v", got)
			}
		})
	}
}

func TestSteps(t *testing.T) {
	ask := func(id string, locked bool) session.State {
		return session.State{Prompt: &session.Prompt{ID: id}, Locked: locked}
	}
	put := func(locked bool) session.State {
		return session.State{Prompt: &session.Prompt{ID: "a", Dismissed: true}, Locked: locked}
	}
	seq := func(n uint64, locked bool) session.State {
		return session.State{Window: session.WindowRequest{Seq: n}, Locked: locked}
	}
	nothing := func(locked bool) session.State { return session.State{Locked: locked} }
	for _, tt := range []struct {
		name   string
		states []session.State
		want   []bool
	}{
		{"a prompt", []session.State{nothing(false), ask("a", false), ask("a", false)}, []bool{false, true, false}},
		{"a prompt under the lock", []session.State{nothing(false), ask("a", true), ask("a", true), ask("a", false), ask("a", false)}, []bool{false, false, false, true, false}},
		{"it came before the lock", []session.State{ask("a", false), ask("a", true), ask("a", false)}, []bool{true, false, false}},
		{"it was over before the return", []session.State{nothing(false), ask("a", true), nothing(true), nothing(false)}, []bool{false, false, false, false}},
		{"another than before the lock", []session.State{ask("a", false), ask("b", true), ask("b", false)}, []bool{true, false, true}},
		{"put off before", []session.State{put(false), put(true), put(false)}, []bool{false, false, false}},
		{"locked from the beginning", []session.State{ask("a", true), ask("a", false)}, []bool{false, true}},
		{"somebody asks for the window all the same", []session.State{seq(1, false), seq(1, true), seq(2, true), seq(2, true), seq(2, false)}, []bool{true, false, true, false, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s Steps
			for i, x := range tt.states {
				if got := s.Needed(x); got != tt.want[i] {
					t.Errorf("state %d: needed is %v", i, got)
				}
			}
		})
	}
}

// A window that is lost in a prompt is needed for it, once the screen is not locked.
func TestLost(t *testing.T) {
	asks := session.State{Window: session.WindowRequest{Seq: 3}, Tray: session.TrayAbsent, Prompt: &session.Prompt{ID: "a"}}
	locked, dismissed, none := asks, asks, asks
	locked.Locked, none.Prompt = true, nil
	dismissed.Prompt = &session.Prompt{ID: "a", Dismissed: true}
	for _, tt := range []struct {
		name      string
		last      session.State
		now, next bool // is it needed at once, and when next the prompt is there
	}{
		{"in a prompt", asks, true, false},
		{"in a prompt that the user put off", dismissed, false, true},
		{"while the screen is locked", locked, false, true},
		{"with nothing asked", none, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s Steps
			s.Needed(asks)
			s.Needed(tt.last)
			if got := s.Lost(tt.last); got != tt.now {
				t.Errorf("at once: %v", got)
			}
			if got := s.Needed(asks); got != tt.next {
				t.Errorf("next: %v", got)
			}
		})
	}
}
