// Package underlay has our own connections, those to the controller and to the
// gateways, leave by the physical adapter while a classic VPN leads everything
// else into its tunnel, and go through the VPN where they get there by it alone.
//
//	does a tunnel lead there, and the adapter too ─ no ─► a plain socket: the routes say
//	          │ yes
//	          ▼
//	a socket led out of the adapter ─ TCP fails, or is slow ─► a plain one beside it;
//	                                                   which was first is remembered
//
// Datagrams are led there and back whenever the network changes; a TCP connection is
// bound once.
//
// The client's control channel and its data channels open their sockets here. An
// Underlay is safe for concurrent use; nothing runs by itself. Where the system
// does not say, or does not let sockets be bound, they are plain.
package underlay
