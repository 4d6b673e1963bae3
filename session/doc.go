// Package session is the client's core. One goroutine owns intent (what the
// user wants) and facts (cookie, tokens, channel states, verdicts, clock);
// each message changes one of them, and the pure derive turns all of them into
// one immutable State, which is the whole truth for tray, window and command
// line, and into the Wanted configuration of the data plane.
//
//	             Command                            State (revision n)
//	 tray ─┐              ┌──────────────┐                        ┌─► tray
//	       ├──► Do(cmd) ──►│ session loop │─► derive ─► feed ─► Watch ─► notices
//	socket ─┘              │ only writer  │       └─► Wanted ─► Dataplane.Apply
//	control channel ──────►│ of facts     │
//	data plane facts ─────►│              │
//	device claims ────────►└──────────────┘
//
// The package declares the small interfaces it needs (Controller, Dataplane,
// Vault, Posture) and imports none of their implementations; those that belong
// to the core live below it: session/control and session/vault.
package session
