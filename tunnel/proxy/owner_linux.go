package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// errOwner is why datagrams are not served here: it is not told whose they are.
var errOwner error

// Sizes of inet_diag_req_v2 and inet_diag_msg (linux/inet_diag.h), and where
// their fields are.
const (
	diagRequest = 56
	diagMessage = 72
	diagID      = 8 // in the request
	diagCookie  = diagID + 40
	diagPort    = 4 // in the message: the socket's own
	diagUID     = 64
	diagInode   = 68
)

// ownsUDP returns nil if the UDP socket that a datagram came from is one of a
// live process of this user, and an error for anyone else's and on any doubt.
// Both addresses are IPv4; at is where the datagram came.
func ownsUDP(from, at netip.AddrPort) error {
	from, at = netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	if !from.Addr().IsLoopback() || !from.Addr().Is4() || !at.Addr().Is4() {
		return fmt.Errorf("the datagram came from %s, which is not of this machine", from.Addr())
	}
	q := make([]byte, diagRequest)
	q[0], q[1] = unix.AF_INET, unix.IPPROTO_UDP
	binary.NativeEndian.PutUint32(q[4:], ^uint32(0)) // in any state
	// The kernel looks for who would receive what source sends to destination:
	// these two stand the other way round than for TCP (net/ipv4/udp_diag.c).
	id := q[diagID:]
	binary.BigEndian.PutUint16(id[0:], at.Port())
	binary.BigEndian.PutUint16(id[2:], from.Port())
	copy(id[4:], at.Addr().AsSlice())
	copy(id[20:], from.Addr().AsSlice())
	binary.NativeEndian.PutUint64(q[diagCookie:], ^uint64(0)) // INET_DIAG_NOCOOKIE
	req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, 0)
	req.AddRawData(q)
	replies, err := req.Execute(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY)
	if err != nil {
		return fmt.Errorf("look up the sending process: %w", err)
	}
	if len(replies) != 1 || len(replies[0]) < diagMessage {
		return errors.New("look up the sending process: the kernel's answer makes no sense")
	}
	m := replies[0]
	if binary.BigEndian.Uint16(m[diagPort:]) != from.Port() || binary.NativeEndian.Uint32(m[diagInode:]) == 0 {
		return errors.New("look up the sending process: no process has that socket open")
	}
	if uid := binary.NativeEndian.Uint32(m[diagUID:]); uid != uint32(os.Getuid()) {
		return fmt.Errorf("the sending process is user %d's", uid)
	}
	return nil
}
