//go:build !linux

package host

import (
	"context"
	"fmt"

	"github.com/tidegate/tidegate/session"
)

// Login says nothing: what starts with the desktop is the system's to say.
func (h Host) Login() (session.Login, error) { return session.LoginUnknown, nil }

// SetLogin refuses.
func (h Host) SetLogin(bool) error {
	return fmt.Errorf("Tidegate cannot have itself started on this system; use the system's own settings")
}

// Helper says that there is none for this system.
func (h Host) Helper(context.Context) session.Helper { return session.Helper{} }

// SetUpHelper does nothing.
func (h Host) SetUpHelper(context.Context) *session.Problem {
	return &session.Problem{Code: "helper-setup", Title: "There is no helper for this system", Fix: "Reach the applications at the addresses that this window shows, or through the proxy."}
}
