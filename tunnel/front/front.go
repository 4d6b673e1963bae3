// Package front says how programs' connections come to the data plane: what the
// loopback listeners, the proxies and the TUN's stack need of it, and it of
// them. Package tunnel implements Router, the fronts call it.
package front

import (
	"context"
	"net"

	"github.com/tidegate/tidegate/internal/wire"
)

// Target is what a program wants to reach: a name in lower case without a
// trailing dot, or an address.
type Target struct {
	Host     string
	Port     uint16 // 0 with ICMP
	Protocol wire.Protocol
}

// Conn is a program's connection; a *net.TCPConn is one.
type Conn interface {
	net.Conn
	CloseWrite() error
	// SetLinger(0) makes Close send a reset.
	SetLinger(sec int) error
}

// Offer is a connection that a program asks for. Exactly one of its functions
// is called, once.
type Offer struct {
	Target Target
	// Via is how the program came, for the user to see; empty: not known.
	Via Via
	// Accept tells the program that it is connected, and yields its connection,
	// which is the data plane's to close. It is called after the gateway has
	// answered 2xx, or at once where the last CONNECT to the target succeeded
	// within the hour, so that refused stays refused and the rest is fast.
	Accept func() (Conn, error)
	// Refuse tells the program why not: Problem.Code says whether the
	// application refused (wire.CodeAppRefused), cannot be reached
	// (wire.CodeAppUnreachable), or access was denied.
	Refuse func(*wire.Problem)
}

// Via is how a program comes to open a connection.
type Via string

// The ways there are.
const (
	ViaAddress Via = "address" // at an application's loopback address
	ViaProxy   Via = "proxy"   // through the proxy
	ViaName    Via = "name"    // by a name or an address that leads to a device of ours
)

// Packets is a flow of datagrams.
type Packets interface {
	Send(b []byte) error
	Receive(ctx context.Context) ([]byte, error)
	Close()
}

// Router is the data plane, as fronts see it. Safe for concurrent use.
type Router interface {
	// Covers says whether the target is one of ours, allowed at present or not.
	Covers(t Target) bool
	// Carry carries a connection to its end, and returns then. The end of ctx resets
	// it; the gateway is told, if need be after Carry has returned. An Accept that is
	// under way may outlive Carry: what it yields is closed.
	Carry(ctx context.Context, o Offer)
	// Packets opens a flow of datagrams. A refusal is a *wire.Problem.
	Packets(ctx context.Context, t Target) (Packets, error)
	// Echo pings. A refusal is a *wire.Problem.
	Echo(ctx context.Context, t Target, payload int) error
}
