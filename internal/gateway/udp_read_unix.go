//go:build unix

package gateway

import (
	"net"
	"syscall"
)

// readPacket reads a packet to behind the first byte of a buffer that the caller
// gives back; it holds none while it waits.
func readPacket(c net.Conn) (b *[mediumBuffer]byte, n int, err error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return readPacketHolding(c)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	var failure error
	err = raw.Read(func(fd uintptr) bool {
		b = mediumBuffers.Get().(*[mediumBuffer]byte)
		for {
			if n, failure = syscall.Read(int(fd), b[1:1+maxUDP]); failure != syscall.EINTR {
				break
			}
		}
		if failure != nil {
			mediumBuffers.Put(b)
			b = nil
		}
		return failure != syscall.EAGAIN
	})
	if err == nil {
		err = failure
	}
	return b, n, err
}
