// Package resolver answers lookups: those of our zones itself, and all others, where
// they come to it, with what the network's own servers say, byte for byte.
//
// A Resolver is given its sockets, and is safe for concurrent use. For what it
// passes on it changes the ID alone, and in an answer that it kept the times to
// live; so EDNS, DNSSEC and types that it has not heard of come through. One that
// has an address of ours is REFUSED: a web page must not reach an application by a
// name of somebody else's (DNS rebinding). It holds no goroutine for a lookup, and
// bounds what it keeps: lookups under way, sockets, connections, and bytes of
// answers.
package resolver
