package wire

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"
)

// The ids of the channels. Each is a short printable string; the zero value
// means unknown, and unknown is denied everywhere.
type (
	// AppID names an application shortcut; unique within a controller.
	AppID string
	// EntitlementID names an entitlement; unique within a controller.
	EntitlementID string
	// ConditionID names a condition; unique within a controller.
	ConditionID string
	// SiteID names a site, which is what one or more gateways protect.
	SiteID string
	// SessionID names one signed-in session of one user on one device.
	SessionID string
	// DeviceID names an enrolled device; it stands in the device certificate.
	DeviceID string
	// DecisionID names one verdict of a gateway, for the helpdesk.
	DecisionID string
)

// MaxID is the length in bytes of the longest id that is accepted.
const MaxID = 64

// CheckID says what is wrong with s as an id: 1 to MaxID bytes of
// a-z, 0-9, '-', '_' and '.', beginning with a letter or digit.
func CheckID(s string) error {
	if s == "" {
		return fmt.Errorf("an id is missing")
	}
	if len(s) > MaxID {
		return fmt.Errorf("the id %q is longer than %d characters", s[:MaxID]+"…", MaxID)
	}
	for i, r := range s {
		alnum := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("-_.", r)) {
			return fmt.Errorf("the id %q has %q in it; use a-z, 0-9, '-', '_' and '.', beginning with a letter or digit", s, r)
		}
	}
	return nil
}

// NewID returns a random id of 80 bits, in lower-case base32.
func NewID() string {
	var b [10]byte
	rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}
