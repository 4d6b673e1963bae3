package wire

import "time"

// Limits that both ends of a channel keep.
const (
	// MaxBody is the size in bytes of the largest JSON request or reply.
	MaxBody = 1 << 20
	// MaxEvent is the size in bytes of the largest event of an event stream;
	// it holds the tokens of a user with thousands of applications.
	MaxEvent = 16 << 20
	// MaxSecret is the length in bytes of the longest password or code.
	MaxSecret = 1024
	// MaxLink is the length in bytes of the longest enrolment link.
	MaxLink = 1024
	// CookieName is the session cookie's (RFC 6265bis, section 4.1.3.2).
	CookieName = "__Host-tidegate"
	// Heartbeat is how often a controller writes a comment into an idle event
	// stream; a client that has heard nothing for twice as long reconnects.
	// A gateway writes none into a data channel's: a suspended one is silent.
	Heartbeat = 20 * time.Second
)
