//go:build !unix

package gateway

import "net"

// readPacket reads a packet to behind the first byte of a buffer that the caller
// gives back.
func readPacket(c net.Conn) (b *[mediumBuffer]byte, n int, err error) { return readPacketHolding(c) }
