// Package stack carries the connections of programs that come as packets of a
// TUN device: it ends their TCP, UDP and ICMP echoes here and hands each to the
// data plane, as a front. The tray process runs one over the device that the
// helper opened, `tidegate run` one over a device in a namespace of its own.
//
//	program ─► kernel ─► TUN ─► link ─► sift ─┬─► gVisor TCP ─► Offer ──► front.Router
//	                                          ├─► gVisor UDP ─► Packets ─►      │
//	                                          └─► echo ───────► Echo ────►      ▼
//	                                                                        data plane
//
// What it tells a program is true: a SYN is answered when the far end's answer
// is known, a refusal is a reset, and what cannot be reached is ICMP's
// "unreachable". Only a unicast packet of a program opens anything: multicast,
// broadcast and the kernel's own talk on a new link are dropped.
//
// A Stack is run once. All that it has started has ended when Run returns.
package stack
