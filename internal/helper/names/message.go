//go:build linux

package names

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// kind says what a message is.
type kind string

const (
	hello   kind = "hello"   // the worker's first: it knows nothing
	welcome kind = "welcome" // the reply to it; what came before was another's to hear
	changed kind = "changed" // the worker's: Apply would tell something else
	open    kind = "open"    // make the sockets; the reply has them
	apply   kind = "apply"   // have the system ask us for Domains
	// applyVPN: have it ask VPN's servers for its names.
	applyVPN kind = "apply-vpn"
	stand    kind = "stand" // answer on the sockets that are passed, or new ones
	rest     kind = "rest"  // no longer
	done     kind = "done"  // the reply to each of these five
)

// message is what the main process and the worker say to each other, each in a
// packet of its own.
type message struct {
	Kind kind   `json:"kind"`
	ID   uint64 `json:"id,omitempty"` // a request's, and its reply's; of hello, the process's
	// Of apply.
	Domains []string `json:"domains,omitempty"`
	Strict  bool     `json:"strict,omitempty"`
	// Of applyVPN.
	VPN *osdns.VPN `json:"vpn,omitempty"`
	// Of done.
	Failure string        `json:"failure,omitempty"`
	InUse   bool          `json:"in_use,omitempty"` // the address is another's
	DNS     *protocol.DNS `json:"dns,omitempty"`
	Mode    osdns.Mode    `json:"mode,omitempty"` // of applyVPN
}

// maxMessage is more than a request of protocol.MaxMessage comes to, and than what
// is told in reply.
const maxMessage = 2 * protocol.MaxMessage

// Pair is a connection's ends: the main process's and the worker's. Both are
// closed on exec.
func Pair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "names"), os.NewFile(uintptr(fds[1]), "names"), nil
}

// conn is an end.
type conn struct{ u *net.UnixConn }

// newConn takes a descriptor, which it closes.
func newConn(fd int) (conn, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "names")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return conn{}, fmt.Errorf("take the socket pair: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return conn{}, errors.New("take the socket pair: it is another socket")
	}
	return conn{u}, nil
}

func (c conn) send(m message, fds []int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	if len(b) > maxMessage {
		return fmt.Errorf("send a message: it has %d bytes", len(b))
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if _, _, err := c.u.WriteMsgUnix(b, oob, nil); err != nil {
		return fmt.Errorf("send a message: %w", err)
	}
	return nil
}

// receive returns a message with the descriptors that came with it, which are the
// caller's to close. The end is io.EOF.
func (c conn) receive() (m message, fds []int, err error) {
	b, oob := make([]byte, maxMessage+1), make([]byte, unix.CmsgSpace(4*4))
	n, nob, _, _, err := c.u.ReadMsgUnix(b, oob)
	if n == 0 && nob == 0 && err == nil {
		err = io.EOF
	}
	if err != nil {
		return message{}, nil, err
	}
	rights, err := unix.ParseSocketControlMessage(oob[:nob])
	if err != nil {
		return message{}, nil, fmt.Errorf("receive a message: %w", err)
	}
	for _, r := range rights {
		if got, err := unix.ParseUnixRights(&r); err == nil {
			fds = append(fds, got...)
		}
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	if err := json.Unmarshal(b[:n], &m); err != nil {
		sockets.CloseAll(fds)
		return message{}, nil, fmt.Errorf("receive a message: %w", err)
	}
	return m, fds, nil
}
