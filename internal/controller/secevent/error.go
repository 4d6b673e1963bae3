package secevent

import "fmt"

// Error refuses a token, in the words of RFC 8935, section 2.3.
type Error struct {
	Code        string `json:"err"`
	Description string `json:"description"`
	// Signed: the token is a transmitter's, and not anybody's.
	Signed bool `json:"-"`
}

// Error codes of RFC 8935, section 2.4.
const (
	InvalidRequest       = "invalid_request"
	InvalidKey           = "invalid_key"
	InvalidIssuer        = "invalid_issuer"
	InvalidAudience      = "invalid_audience"
	AuthenticationFailed = "authentication_failed"
)

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// Refuse makes an Error.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Description: fmt.Sprintf(format, args...)}
}
