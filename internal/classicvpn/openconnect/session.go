package openconnect

import "encoding/json"

// Session is what a server has given to one who has signed in: enough to connect
// with, and to connect with again, for as long as the server lets it. It is kept in
// memory alone, and shows its cookie to nobody.
type Session struct {
	cookie string
	// ConnectURL and Host are whom to connect to, Resolve the address ("name:address")
	// that its name had then.
	ConnectURL, Host, Resolve string
	// Fingerprint is the server's key that the user trusts, to be pinned.
	Fingerprint string
}

// Valid says whether it can be connected with.
func (s Session) Valid() bool { return s.cookie != "" && s.Fingerprint != "" && s.server() != "" }

func (s Session) server() string {
	if s.ConnectURL != "" {
		return s.ConnectURL
	}
	return s.Host
}

// String hides the cookie from every log.
func (s Session) String() string { return "session at " + s.server() }

// GoString hides the cookie from %#v.
func (s Session) GoString() string { return s.String() }

// MarshalJSON leaves the cookie out.
func (s Session) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
