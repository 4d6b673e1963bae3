package openconnect

import (
	"context"

	"github.com/tidegate/tidegate/session"
)

// Ask is who answers what a server, or openconnect about it, asks. An error ends the
// signing in, and is what SignIn returns.
type Ask interface {
	// Form fills a form in: a value for each of its fields.
	Form(context.Context, Form) ([]session.Secret, error)
	// Trust says whether a server that nobody has trusted yet is the right one. It is
	// not called where VPNSettings.Fingerprint is set.
	Trust(context.Context, Certificate) (bool, error)
}

// Form is what a server asks now. openconnect asks for one field at a time, so that
// there is one.
type Form struct {
	// Message is the server's own words before the field, in plain text; its lines are
	// apart.
	Message string
	// Error is why the last answer did not count, in the server's words.
	Error  string
	Fields []session.VPNField
}

// Certificate is what a server has shown of itself.
type Certificate struct {
	// Host is the server's name, as it was asked for.
	Host string
	// Onward: the server of the address, which is trusted, has sent on to this one.
	Onward bool
	// Fingerprint is "pin-sha256:" and the base64 of its key's SHA-256.
	Fingerprint string
	// Subject is its name in its own words, and Vouched is who of those that this
	// machine trusts vouches for it; empty: unknown, and nobody.
	Subject, Vouched string
	// Reason is openconnect's, why it asks ("signer not found").
	Reason string
}
