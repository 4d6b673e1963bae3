package tray

import (
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// Icon is the tray's icon. It is comparable.
type Icon struct {
	State   IconState
	Tooltip string
}

// IconState chooses the picture.
type IconState string

// The pictures, the most urgent last.
const (
	Inactive  IconState = "inactive"  // the controller is not reached
	Active    IconState = "active"    // the ZTA button is active
	InUse     IconState = "in-use"    // and an application has an open flow
	Attention IconState = "attention" // the user has to do something
)

// IconFor is the icon of a state. The tooltip names the earliest instant at
// which access to an application that is used ends, in the time zone of s.At;
// nothing in it changes with the clock alone.
func IconFor(s session.State) Icon {
	i := Icon{State: Inactive, Tooltip: status(s)}
	switch {
	case s.ZTA.Attention, s.VPN.Prompt != nil && !s.VPN.Prompt.Busy:
		i.State = Attention
	case s.ZTA.InUse:
		i.State = InUse
	case s.ZTA.Active:
		i.State = Active
	}
	if a, ok := earliest(s.Apps); ok {
		i.Tooltip += "\n" + lang.F("%s until %s", name(a), clock(a.Until, s.At))
	}
	if p := s.Prompt; p != nil && p.Kind == session.PromptInteraction && p.Deadline.IsZero() {
		i.Tooltip += "\n" + lang.T("Verify to continue")
	}
	return i
}

// earliest is the application whose access ends first, of those that were used
// in this session.
func earliest(apps []session.App) (first session.App, ok bool) {
	for _, a := range apps {
		open := a.Allowed || a.State == session.AppReady || a.State == session.AppInUse
		used := a.State == session.AppInUse || a.Flows > 0 || !a.LastUsed.IsZero()
		if !open || !used || a.Until.IsZero() {
			continue
		}
		if !ok || a.Until.Before(first.Until) {
			first, ok = a, true
		}
	}
	return first, ok
}

// clock writes t for someone who reads it at now: 16:40, or with its date on
// another day.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	y, m, d := t.Date()
	if ny, nm, nd := now.Date(); y == ny && m == nm && d == nd {
		return lang.Time(t, "15:04")
	}
	return lang.Time(t, "2 Jan 15:04")
}
