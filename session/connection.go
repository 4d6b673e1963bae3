package session

import "time"

// Connection is one open connection to an application.
type Connection struct {
	Via   Via       `json:"via,omitempty"`
	Since time.Time `json:"since"`
	Up    int64     `json:"up"`   // bytes sent
	Down  int64     `json:"down"` // bytes received
	// Resting: no carrier holds it; it goes on when either end has something to say.
	Resting bool `json:"resting,omitempty"`
}

// Via is how a program came to open a connection.
type Via string

// The ways there are. The zero value is unknown.
const (
	ViaAddress Via = "address" // at the application's loopback address
	ViaProxy   Via = "proxy"   // through this user's proxy
	ViaName    Via = "name"    // by the application's own name or address
)

// MostConnections is how many an application tells of, the newest.
const MostConnections = 20
