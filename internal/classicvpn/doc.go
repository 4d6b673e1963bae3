// Package classicvpn connects the user's classic VPNs, each by hand and one at a
// time, and tells of those that other programs run. It is the session's Classic, and
// the app runs it. It tells facts and codes; the words are the session's.
//
// The parts: package openconnect signs in to a server and carries the packets,
// without any privilege; package hook is what openconnect runs when a tunnel has
// come about; the helper owns the device, and makes addresses, routes and names of
// what the server wants; package sense looks for others' VPNs.
//
// One goroutine owns the state (owner), and one more makes a connection, from the
// first question to its end (attempt):
//
//	disconnected ──► signing-in ──► connecting ──► connected ◄──► reconnecting
//	      ▲               │              │             │               │
//	      └───────────────┴──────────────┴─ disconnecting ◄────────────┘
//
// Where the attempt fails by itself, it comes to disconnected at once, with the
// reason. A VPN's methods are safe for concurrent use; Run is called once. No password,
// code or cookie is in a state, a file, an error or a log.
package classicvpn
