// Package raise decides when there is something to look at. The tray process
// asks it whether to start the window process, and the window process whether
// to bring its window back. Pure.
package raise

import "github.com/tidegate/tidegate/session"

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
