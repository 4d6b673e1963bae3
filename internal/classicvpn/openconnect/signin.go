package openconnect

import (
	"context"

	"github.com/tidegate/tidegate/session"
)

// SignIn signs in to a server, asking what it asks. It answers user and group out of
// the settings, once. Where it fails it returns a *Failure, or what Ask or ctx ended
// it with.
func (e Engine) SignIn(ctx context.Context, to session.VPNSettings, ask Ask) (Session, error) {
	return Session{}, failed(session.VPNNoEngine, "")
}
