// Package gateway admits data channels, judges the conditions of entitlements
// and carries flows to the applications of one site.
//
//	client ══ carriers ══╗ any number, of any lane
//	    POST session ────►║ event stream: verdicts (leases)
//	    POST carrier ────►║ a further one
//	    PUT session, device►║            ┌ calendar, resolver,
//	    CONNECT h:p ─────►╚══ session ◄─┴ scripts, risk
//	                            └─ flow ──TCP──► application
//	controller ◄──HTTPS, mutual TLS── uplink: keys, policy, scripts down; audit, alerts, wakes up
//
// A session is owned by one goroutine at a time: every change to its tokens,
// claims, verdicts and flows is a call into it, one after the other, and it has
// one wake-up in the gateway's calendar, at the next instant at which anything
// can change (package reevaluate). Between calls it costs its memory only. What
// made it judge is a row of seed 003's table (wire.Trigger), and stands in the
// audit record of each verdict. A verdict is a lease: data passes only before its
// end, whoever is late, and a flow whose verdict turns to a denial is reset at
// both ends. Everything that is unknown, expired or unreadable denies.
//
// A session is bound to its id, the key of the device certificate and the client
// process's instance, and only who shows all three goes on with it:
//
//	POST session ──► attended ──(event stream ends)──┬─ no lasting flow ──► ended
//	                  ▲    │                         ▼
//	                  │    └─ revoked, replaced  suspended ── its last flow ended,
//	                  │       by another         │   │        revoked, the limit ──► ended
//	                  └── POST session, judged ──┘   └─ goes on to be judged:
//	                      anew as a reconnect           leases, resolver, policies
//
// A flow is plain, and ends with its CONNECT, or a lasting one (wire.HeaderFlow),
// which an end of package flow carries over one CONNECT after the other:
//
//	CONNECT, epoch 1 ──► judged ──► dialled ──► attached ◄──────────────┐
//	                      │ 403      │ 502, 504  │  │  └─(carrier ends)─► parked
//	                      ▼          ▼           │  │ CONNECT, epoch > 1, after the
//	                     refused: there is none  │  │ handshake, judged anew ──┘
//	                                             │  └─ 400 the offset lies, 403 denied: reset
//	  both directions ended and acknowledged ◄───┤     409 an older epoch: nothing
//	  = closed                                   └─ a verdict, a limit, an end that
//	                                                resets ──► reset at both ends; parked:
//	                                                410 to the client, when it comes
//
// Parked flows are bounded in number and age, the oldest go first, and what they
// keep in bytes (Limits). What an application has for a suspended client has it
// woken through the controller. A flow's bytes are counted once, over all that
// carried it, and recorded when it has ended.
//
// What takes time happens beside the sessions and comes back as a call: scripts
// run on goroutines of their own, a bounded number at once and one of each in a
// session; one resolver watches the names in the rules of all sessions. A flow
// whose fate a first run or a first lookup decides waits for it. What the rules
// say of a destination is found by what they name (matcher), not one by one.
//
// UDP and TCP are served on one port by one handler: a lane is the body of a
// CONNECT, of whichever HTTP. A client of others', which knows nothing but the
// RFCs, is served by the same rules (foreign.go). What comes before a handshake is
// complete is taken once (strikes.go), and held where an action says so (early.go).
//
// cmd/tidegate-server and the lab call it: New, Listen, Run. A Gateway may be
// used by several goroutines; New starts none, and Run returns when everything
// it started has ended.
package gateway
