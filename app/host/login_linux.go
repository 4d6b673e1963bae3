package host

import "github.com/tidegate/tidegate/session"

// Login says whether the client starts with the desktop.
func (h Host) Login() (session.Login, error) {
	on, err := h.Autostart.On()
	switch {
	case err != nil:
		return session.LoginUnknown, err
	case on:
		return session.LoginOn, nil
	}
	return session.LoginOff, nil
}

// SetLogin has the client start with the desktop, or no longer.
func (h Host) SetLogin(on bool) error { return h.Autostart.Set(on) }
