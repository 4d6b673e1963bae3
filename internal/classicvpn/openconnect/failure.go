package openconnect

import (
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/session"
)

// ErrAbsent: openconnect is not installed.
var ErrAbsent = errors.New("openconnect is not installed: install your distribution's package openconnect")

// Failure is why a VPN is not up. Nothing in it is secret.
type Failure struct{ session.VPNFailure }

// Error is the failure's code with the last word on it.
func (f *Failure) Error() string {
	if f.Detail == "" {
		return fmt.Sprintf("openconnect: %s", f.Code)
	}
	return fmt.Sprintf("openconnect: %s: %s", f.Code, f.Detail)
}

// Unwrap tells what is behind it.
func (f *Failure) Unwrap() error {
	if f.Code == session.VPNNoEngine {
		return ErrAbsent
	}
	return nil
}

func failed(code session.VPNFailureCode, detail string) *Failure {
	return &Failure{session.VPNFailure{Code: code, Detail: detail}}
}
