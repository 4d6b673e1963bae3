// Package raise decides when there is something to look at. The tray process
// asks it whether to start the window process, and the window process whether
// to bring its window back. It keeps no state but what Steps has; a Steps is for
// one goroutine.
package raise

import "github.com/tidegate/tidegate/session"

// Steps follows the states that one reader sees. The zero Steps has seen none.
type Steps struct{ last session.State } // the last while the screen was not locked

// Needed says whether next gives the user something to look at. What wants to be
// seen while the screen is locked is needed when it is not any more, if it still
// stands then; but whoever asks for the window gets it.
func (s *Steps) Needed(next session.State) bool {
	if next.Locked {
		asked := next.Window.Seq > s.last.Window.Seq
		s.last.Window = next.Window
		return asked
	}
	last := s.last
	s.last = next
	return Needed(last, next)
}

// Lost takes that the window is gone, which nobody wanted, and says whether last, the
// state of now, asks something that it showed.
func (s *Steps) Lost(last session.State) bool {
	s.last.Prompt, s.last.VPN.Prompt = nil, nil
	return s.Needed(last)
}

// Needed says whether the step from one state to the next, the zero State being
// before the first, gives the user something to look at: somebody asked for
// the window, something is asked of the user, or there turns out to be no tray.
func Needed(prev, next session.State) bool {
	return next.Window.Seq > prev.Window.Seq ||
		asks(next.Prompt) && (!asks(prev.Prompt) || prev.Prompt.ID != next.Prompt.ID) ||
		asksVPN(next.VPN.Prompt) && (!asksVPN(prev.VPN.Prompt) || prev.VPN.Prompt.ID != next.VPN.Prompt.ID) ||
		prev.Tray == session.TrayUnknown && next.Tray == session.TrayAbsent
}

func asks(p *session.Prompt) bool { return p != nil && !p.Dismissed && !p.Missed }

// asksVPN leaves out what nobody waits for: a notice tells of it.
func asksVPN(p *session.VPNPrompt) bool { return p != nil && !p.Unawaited }
