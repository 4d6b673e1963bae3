package gateway

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// tcpPulse asks the kernel (tcp(7), TCP_INFO).
type tcpPulse struct{ raw syscall.RawConn }

// pulseOf is a TCP connection's; nil: it is none of the system's.
func pulseOf(c net.Conn) pulse {
	for inner, ok := c, true; ok; inner, ok = unwrapConn(inner) {
		if s, ok := inner.(syscall.Conn); ok {
			raw, err := s.SyscallConn()
			if err != nil {
				return nil
			}
			return tcpPulse{raw}
		}
	}
	return nil
}

// beat implements pulse. A client that takes nothing more now answers each probe
// of its window.
func (p tcpPulse) beat() (received uint64, owes, ok bool) {
	var info *unix.TCPInfo
	var failed error
	err := p.raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err != nil || failed != nil {
		return 0, false, false
	}
	return uint64(info.Segs_in), info.Unacked > 0 || info.Probes > 1, true
}
