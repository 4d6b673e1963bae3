package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// platform says whether this platform gives each application a loopback
// address of its own and tells whose process connects to it.
func platform() error { return nil }

// checkPeer returns nil if c was made by a live process of this user, and an
// error for anyone else's, for one whose process has closed it, and on any doubt.
func checkPeer(c appConn) error {
	local, lok := c.LocalAddr().(*net.TCPAddr)
	remote, rok := c.RemoteAddr().(*net.TCPAddr)
	if !lok || !rok {
		return errors.New("look up the connecting process: not a TCP connection")
	}
	uid, err := socketOwner(remote.AddrPort(), local.AddrPort())
	if err != nil {
		return fmt.Errorf("look up the connecting process: %w", err)
	}
	if uid != uint32(os.Getuid()) {
		return fmt.Errorf("the connecting process is user %d's", uid)
	}
	return nil
}

// Sizes of inet_diag_req_v2 and inet_diag_msg (linux/inet_diag.h), and where
// their fields are.
const (
	diagRequest = 56
	diagMessage = 72
	diagSource  = 4 // sockid in the message: ports, then addresses of 16 bytes
	diagUID     = 64
	diagInode   = 68
)

// socketOwner returns the user that made the one TCP socket bound to local and
// connected to remote, asking the kernel for exactly that socket
// (sock_diag(7)): no table is walked. Both addresses are IPv4.
func socketOwner(local, remote netip.AddrPort) (uint32, error) {
	if !local.Addr().Unmap().Is4() || !remote.Addr().Unmap().Is4() {
		return 0, errors.New("not an IPv4 connection")
	}
	q := make([]byte, diagRequest)
	q[0], q[1] = unix.AF_INET, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(q[4:], 1<<unix.BPF_TCP_ESTABLISHED)
	id := sockID(local, remote)
	copy(q[8:], id)
	binary.NativeEndian.PutUint64(q[8+40:], ^uint64(0)) // INET_DIAG_NOCOOKIE
	req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, 0)
	req.AddRawData(q)
	replies, err := req.Execute(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY)
	if err != nil {
		return 0, err
	}
	if len(replies) != 1 || len(replies[0]) < diagMessage {
		return 0, errors.New("the kernel's answer makes no sense")
	}
	m := replies[0]
	// The kernel falls back to a listening socket of that address; and a
	// socket that nobody holds any more has no inode and says user 0.
	if string(m[diagSource:diagSource+36]) != string(id[:36]) {
		return 0, errors.New("there is no such socket")
	}
	if binary.NativeEndian.Uint32(m[diagInode:]) == 0 {
		return 0, errors.New("no process has it open")
	}
	return binary.NativeEndian.Uint32(m[diagUID:]), nil
}

// sockID writes the ports and addresses of an inet_diag_sockid, IPv4.
func sockID(local, remote netip.AddrPort) []byte {
	b := make([]byte, 36)
	binary.BigEndian.PutUint16(b[0:], local.Port())
	binary.BigEndian.PutUint16(b[2:], remote.Port())
	l, r := local.Addr().Unmap().As4(), remote.Addr().Unmap().As4()
	copy(b[4:], l[:])
	copy(b[20:], r[:])
	return b
}
