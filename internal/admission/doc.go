// Package admission bounds what peers that have proven nothing yet may cost a
// server: QUIC clients prove their address while many come at once (RFC 9000,
// section 8.1.2), and no address has more than so many connections open. The
// controller and the gateway hang a Limiter on their sockets. It may be used
// concurrently, and starts no goroutine that outlives a connection.
package admission
