package tray

import (
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// choice is what an item is, whatever its words and its place: the application, the VPN
// to connect or to disconnect. The zero choice is none.
type choice struct {
	device wire.DeviceID // whose, of what another enrolment calls alike
	is     session.Command
}

// opened is the choice that a click on the icon itself is.
var opened = choice{is: session.ShowWindow{}}

// choice is what an item of the menu is.
func (m *Menu) choice(it Item) choice {
	switch do := it.Do.(type) {
	case session.OpenApp:
		return m.ofApp(do.App)
	case session.ShowPrompt:
		if do.App != "" {
			return m.ofApp(do.App)
		}
	case session.ShowWindow:
		if do.App != "" {
			return m.ofApp(do.App)
		}
	case session.SignOut:
		return choice{m.Device, do}
	}
	return choice{is: it.Do}
}

// ofApp is the choice of an application, which stays one while what it needs changes.
func (m *Menu) ofApp(id wire.AppID) choice {
	return choice{m.Device, session.ShowWindow{Page: session.PageApplications, App: id}}
}

// chosen is what a choice of a menu that was shown does in this one; nil: it is not in
// it any more.
func (m *Menu) chosen(c choice) session.Command {
	for _, it := range m.items() {
		if it.Do != nil && m.choice(it) == c {
			return it.Do
		}
	}
	return nil
}
