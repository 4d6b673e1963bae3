package carrier

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsentAtMost is how much of what was written waits in the kernel: more would
// only make the small flows wait for the large.
const unsentAtMost = 512 << 10

// tune sets what helps and is not there everywhere.
func tune(fd uintptr) {
	unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "bbr")
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentAtMost)
}

// tcpInfo asks the kernel (tcp(7), TCP_INFO).
func tcpInfo(c syscall.RawConn) (Stats, bool) {
	var info *unix.TCPInfo
	var failed error
	err := c.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err != nil || failed != nil {
		return Stats{}, false
	}
	return Stats{
		Sent: uint64(info.Segs_out), Received: uint64(info.Segs_in), PacketsLost: uint64(info.Total_retrans),
		RTT: time.Duration(info.Rtt) * time.Microsecond, Window: uint64(info.Snd_cwnd) * uint64(info.Snd_mss),
	}, true
}
