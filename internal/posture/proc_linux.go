package posture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// programEvents hears of all processes by the proc connector, and picks out
// those of some programs.
type programEvents struct {
	socket *netlinkSocket
	root   fs.FS

	mu       sync.Mutex
	programs []string
	pids     []int // of those programs
}

// The proc connector's protocol (linux/cn_proc.h, linux/connector.h), and
// where its fields are behind the netlink header.
const (
	cnIdxProc    = 1
	cnValProc    = 1
	procListen   = 1
	procExec     = 0x2
	procComm     = 0x200
	procExit     = 0x80000000
	eventWhat    = 20
	eventProcess = eventWhat + 16 // thread
	eventGroup   = eventProcess + 4
	eventSize    = eventGroup + 4
)

// newProgramEvents begins to listen: for CAP_NET_ADMIN, and since Linux 6.6 for
// anybody.
func newProgramEvents() (*programEvents, error) {
	s, err := subscribe(unix.NETLINK_CONNECTOR, cnIdxProc)
	if err != nil {
		return nil, fmt.Errorf("open the proc connector: %w", err)
	}
	req := nl.NetlinkRequest{NlMsghdr: unix.NlMsghdr{Len: unix.SizeofNlMsghdr, Type: unix.NLMSG_DONE}}
	req.AddData(nl.NewCnMsg(cnIdxProc, cnValProc, procListen))
	err = s.control(func(fd int) error {
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, eventFilter()); err != nil {
			return err
		}
		return unix.Sendto(fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err != nil {
		s.close()
		return nil, fmt.Errorf("ask the proc connector: %w", err)
	}
	return &programEvents{socket: s, root: os.DirFS("/")}, nil
}

// eventFilter has the kernel keep all but the starts and ends of programs to
// itself: forks and threads are many.
func eventFilter() *unix.SockFprog {
	const header = unix.SizeofNlMsghdr
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: header + at}
	}
	// A filter loads big-endian.
	jump := func(k uint32, t, f uint8) unix.SockFilter {
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], k)
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: binary.BigEndian.Uint32(b[:]), Jt: t, Jf: f}
	}
	program := []unix.SockFilter{
		load(eventWhat),
		jump(procExec, 6, 0),
		jump(procComm, 5, 0),
		jump(procExit, 0, 5),
		load(eventProcess),
		{Code: unix.BPF_MISC | unix.BPF_TAX},
		load(eventGroup),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X, Jt: 0, Jf: 1}, // the process, not one of its threads
		{Code: unix.BPF_RET | unix.BPF_K, K: ^uint32(0)},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	return &unix.SockFprog{Len: uint16(len(program)), Filter: unsafe.SliceData(program)}
}

// want says which programs count, and which of them run already.
func (p *programEvents) want(programs []string, seen processes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.programs, p.pids = programs, nil
	for _, pids := range seen.pids {
		p.pids = append(p.pids, pids...)
	}
}

// count says whether one of the messages is about a program that counts.
func (p *programEvents) count(messages []syscall.NetlinkMessage) bool {
	counts := false
	for _, m := range messages {
		what, pid, err := parseEvent(m.Data)
		if err == nil && p.concerns(what, pid) {
			counts = true
		}
	}
	return counts
}

func (p *programEvents) concerns(what uint32, pid int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := slices.Contains(p.pids, pid)
	if what == procExit {
		return known
	}
	name, alive := nameOf(p.root, pid)
	is := alive && slices.ContainsFunc(p.programs, name.is)
	if is && !known {
		p.pids = append(p.pids, pid)
	}
	return is || known
}

// parseEvent reads what has happened to which process.
func parseEvent(b []byte) (what uint32, pid int, err error) {
	if len(b) < eventSize {
		return 0, 0, errors.New("read an event of the proc connector: it is malformed")
	}
	return binary.NativeEndian.Uint32(b[eventWhat:]), int(binary.NativeEndian.Uint32(b[eventGroup:])), nil
}
