// Package controller signs users in, keeps their sessions, and issues the
// claims token and the entitlement tokens that gateways judge; it is its own
// certificate authority for devices and gateways. It serves the control
// channel (see package wire) over HTTP/3 and HTTP/2, the event streams of
// gateways, and a local administration socket.
//
// Tokens are made when a row of the table of triggers (seed 003) asks for it and
// at no other time; they stand in the store, named by the session's record, and
// event streams send what stands there. What happens is in the audit: in memory,
// in the log, and in audit.jsonl in the state directory.
//
// tidegate-server and the lab call it: LoadConfig reads the YAML, New checks
// and prepares, Listen opens the sockets, Run serves until its context ends and
// returns when all that it started has ended. What must last is in a
// store.Store and, for the keys, in the state directory; handlers write state
// to the store alone, and one goroutine watches the store and wakes the event
// streams that are concerned, so a revocation is state first and news second.
//
// All exported functions and methods may be used concurrently. Whatever is in
// doubt is denied.
package controller
