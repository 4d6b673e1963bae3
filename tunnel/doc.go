// Package tunnel is the client's data plane: it opens a data channel to a site
// when one of its destinations is used, and carries each TCP connection as a
// flow, a CONNECT request (RFC 9114, section 4.4; RFC 9113, section 8.5) between
// two Ends (package flow) that outlive what carries them. Programs come by a
// loopback listener of each application, and by fronts (package front) that call
// the Router: the proxies and the TUN's stack. It needs no privileges.
//
// Package app calls it: New, then Run for as long as the client lives, and
// Apply with each configuration that session derives. Dataplane implements
// session.Dataplane.
//
// There is one data channel to a site, in one of these states (architecture,
// section 6).
//
//	                 a flow is asked for            the gateway admits
//	disconnected ─────────────────────► connecting ────────────────► connected
//	     ▲                              │  ▲    ▲                      │   │
//	     │  no gateway admits us,       │  │    │  the link is lost,   │   │
//	     │  and no flow is parked       │  │    └── flows are parked ──┘   │
//	     ├──────────────────────────────┘  │                              │
//	     │                                 │ a flow is asked for, a       │ idle, or
//	     │                                 │ parked one has something to  │ ordered
//	     │                                 │ say, its lease is about to   ▼
//	     │                                 └─ end, the gateway wakes ─ suspended
//	     │                                                                │
//	     └── session ended or changed, the link is lost without flows ────┘
//
// A suspended channel has no carrier and sends nothing; its flows are parked, here
// and at the gateway. What resumes it posts the tokens and what the device says of
// itself, as they are by then, and is judged afresh; new flows go along in the same
// flight, parked ones go on when the gateway's verdicts have come and the handshake
// is complete. In the connecting state with parked flows alone, attempts are made
// with growing pauses, at the gateway that has them first; when nobody has used them
// for an idle period the channel is suspended as well.
//
// A channel has a link, the carrier with the session's events, and beside it links
// that are joined to the session: HTTP/2 for bulk (see lanes), a second QUIC
// connection for many flows. A link that was sent something and has been silent
// for a second, or four round trips, is suspected, and both lanes are dialled beside
// it: who answers first carries on, and the flows move there. So they do after a
// change of the network where the carrier itself cannot, and from HTTP/2 back to
// HTTP/3, which is tried every minute or so of use. A link that is silent for 15
// seconds is lost. Who only receives sends nothing that would be missed: the gateway
// is asked once when payload has stopped coming, and of a link at rest nothing is.
//
// A verdict is a lease: when a gateway's verdict lapses by the gateway's own
// clock and none extends it, or when one denies, the flows of that entitlement
// are reset here, whatever the gateway does and carrier or none. A gateway that
// does not know a flow any more, or denies to go on with it, ends it too.
//
// Concurrency: the methods of Dataplane are safe for concurrent use, and Apply
// does not block. One goroutine, in Run, owns every channel, link, application and
// flow; flows copy bytes on goroutines of their own and send it messages. The
// report function is called on one goroutine, never concurrently, and Run
// returns when all that it started has ended.
package tunnel
