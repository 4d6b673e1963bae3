package openconnect

import "github.com/tidegate/tidegate/session"

// Find finds openconnect in the places for programs ($PATH, then those for the
// administrator's), and asks it for its version. It is ErrAbsent where there is none.
func Find() (Engine, error) { return Engine{}, ErrAbsent }

// Speaks says why p cannot be spoken, as a *Failure whose Detail names the version
// that is needed and the one that is here; nil: it can.
func (e Engine) Speaks(p session.VPNProtocol) error {
	return failed(session.VPNNoEngine, "")
}
