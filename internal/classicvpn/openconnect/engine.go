// Package openconnect drives the program openconnect, by which classic VPNs are
// signed in to and connected: its questions become forms, its words become facts
// and failures, and it never outlives us. internal/classicvpn calls it.
//
// It runs openconnect twice (Linux only so far), both times as the user and without any privilege:
// SignIn has it sign in and print a session (openconnect --authenticate), and Start
// has it carry packets between the server and a device that the user owns, with a
// program of ours as the hook that makes addresses, routes and names of what the
// server has sent. No secret (a password, a code, a session's cookie) is ever in an
// argument, an environment, an error or a log of it.
//
// An Engine and a Session are values. SignIn calls Ask on the goroutine that called
// it. A Running is safe for concurrent use.
package openconnect

import (
	"context"
	"net"

	"github.com/tidegate/tidegate/session"
)

// Engine is an openconnect that is installed here. The zero value is none.
type Engine struct {
	// Path is the program's, absolute.
	Path string
	// Version is its own word ("9.01-3"), and Protocols are what it says it speaks.
	Version   string
	Protocols []session.VPNProtocol
	// Dial connects to a server to see who vouches for it; nil: a net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}
