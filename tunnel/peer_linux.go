package tunnel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

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
	m, err := kernel.ask(q)
	if err != nil {
		return 0, err
	}
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

// diag is a socket that the kernel is asked by: one for all who ask, one after the
// other, for to open one takes longer than the answer.
type diag struct {
	mu  sync.Mutex
	fd  int // 0: none
	seq uint32
	buf [8 << 10]byte
}

// kernel is opened when it is needed first, and again after it has failed.
var kernel diag

// sockDiagByFamily is the kind of a question and of its answer (linux/sock_diag.h).
const sockDiagByFamily = 20

// ask returns the answer to a question, of diagMessage bytes and more.
func (d *diag) ask(q []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m, err := d.exchange(q)
	var no syscall.Errno
	if err != nil && !(errors.As(err, &no) && no == syscall.ENOENT) && d.fd != 0 {
		unix.Close(d.fd) // whatever it has to say is of no use any more
		d.fd = 0
	}
	return m, err
}

func (d *diag) exchange(q []byte) ([]byte, error) {
	if d.fd == 0 {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
		if err != nil {
			return nil, err
		}
		d.fd = fd
		// The kernel answers before the question's send returns.
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
			return nil, err
		}
	}
	d.seq++
	head := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(q))
	binary.NativeEndian.PutUint32(head[0:], uint32(cap(head)))
	binary.NativeEndian.PutUint16(head[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(head[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(head[8:], d.seq)
	if err := unix.Sendto(d.fd, append(head, q...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for {
		n, from, err := unix.Recvfrom(d.fd, d.buf[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if k, ok := from.(*unix.SockaddrNetlink); !ok || k.Pid != 0 { // another process's
			continue
		}
		all, err := syscall.ParseNetlinkMessage(d.buf[:n])
		if err != nil || len(all) != 1 || all[0].Header.Seq != d.seq {
			return nil, errSenseless
		}
		switch m := all[0]; {
		case m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4 && binary.NativeEndian.Uint32(m.Data) != 0:
			return nil, syscall.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
		case m.Header.Type == sockDiagByFamily && len(m.Data) >= diagMessage:
			return append([]byte(nil), m.Data[:diagMessage]...), nil
		}
		return nil, errSenseless
	}
}

var errSenseless = errors.New("the kernel's answer makes no sense")
