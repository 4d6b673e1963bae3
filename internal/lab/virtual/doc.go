// Package virtual is a whole Tidegate in virtual time: the real controller, a
// real gateway and the real core of a client, with their QUIC and TLS, over a
// network in memory. Tests of it run within a bubble of testing/synctest, so
// that a day takes a second and what happens at 16:45:00 happens at 16:45:00.
//
// Only the edges are made up: sockets, the applications behind the gateway, the
// names it resolves, the keychain, and what the device reports of itself.
//
// A Lab and what it hands out are for the goroutine of the test that made it.
package virtual
