// Package tunnel is the client's data plane: it listens on a loopback address
// for each application, opens a data channel to the application's site when
// one is used, and carries each TCP connection as a flow, a CONNECT request on
// that channel (RFC 9114, section 4.4). It needs no privileges.
//
// Package app calls it: New, then Run for as long as the client lives, and
// Apply with each configuration that session derives. Dataplane implements
// session.Dataplane.
//
// There is one data channel to a site, in one of these states (architecture,
// section 6). Only demand connects one; nothing is retried without it.
//
//	                 a flow is asked for            the gateway admits
//	disconnected ─────────────────────► connecting ────────────────► connected
//	     ▲                                 │  ▲                        │   ▲
//	     │       no gateway admits us      │  │ a flow is asked for:   │   │ payload, or a flow
//	     ├─────────────────────────────────┘  │ the tokens are posted  │   │ is asked for, with
//	     │                                    │ and judged anew        │   │ the carrier kept
//	     │                                    │                 idle   ▼   │
//	     │                                    └───────────────────── suspended
//	     └── carrier lost, session ended or changed ───────────────────┘
//
// A suspended channel sends no packet of its own accord. With no open flow it has
// no carrier; a quiet open flow keeps its carrier, silent, and is not cut. On that,
// renewed tokens and changed device claims go to the gateway at once, and the
// channel stays suspended: they are no payload. Without a carrier they go with
// what resumes the channel.
//
// A carrier that was sent payload, or asked for a flow, and has been silent for 15
// seconds is lost, with its flows. Nothing is sent to find out.
//
// A verdict is a lease: when a gateway's verdict lapses by the gateway's own
// clock and none extends it, or when one denies, the flows of that entitlement
// are reset here, whatever the gateway does.
//
// Concurrency: the methods of Dataplane are safe for concurrent use, and Apply
// does not block. One goroutine, in Run, owns every channel, application and
// flow; flows copy bytes on goroutines of their own and send it messages. The
// report function is called on one goroutine, never concurrently, and Run
// returns when all that it started has ended.
package tunnel
