//go:build linux

package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// soPeerPIDFD is SO_PEERPIDFD, since Linux 6.5.
const soPeerPIDFD = 77

// peer is who has connected, as the kernel tells it.
type peer struct {
	uid    uint32
	pid    int32
	groups []uint32
	pidfd  int // -1: the kernel is older
}

func (p peer) close() {
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
}

func peerOf(c *net.UnixConn) (p peer, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("ask who connects: %w", err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); failed != nil {
			return
		}
		p = peer{uid: cred.Uid, pid: cred.Pid, pidfd: -1}
		if p.groups, failed = peerGroups(int(fd)); failed != nil {
			return
		}
		p.groups = append(p.groups, cred.Gid)
		if n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, soPeerPIDFD); err == nil {
			p.pidfd = n
		}
	})
	if err := errors.Join(err, failed); err != nil {
		p.close()
		return peer{}, fmt.Errorf("ask who connects: %w", err)
	}
	return p, nil
}

// peerGroups are the supplementary groups that the process had when it connected.
func peerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && len(groups) < 1<<16:
			groups = make([]uint32, max(int(size)/4, 2*len(groups)))
		case errno != 0:
			return nil, errno
		default:
			return groups[:size/4], nil
		}
	}
}

// admits says whether the peer may ask for anything: a member of the group, or
// a user with an active session at this machine; and, where programs are
// listed, one of them. Doubt is no.
func (s *Server) admits(p peer) bool {
	member := s.o.GID >= 0 && slices.Contains(p.groups, uint32(s.o.GID))
	if !member && !activeSession(s.o.Sessions, p.uid) {
		return false
	}
	return len(s.o.Config.Programs) == 0 || slices.Contains(s.o.Config.Programs, program(p))
}

// program is the path of the peer's program; empty where it cannot be known for
// sure.
func program(p peer) string {
	if p.pidfd < 0 {
		return ""
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid))
	if err != nil {
		return ""
	}
	// Readable once the process has ended: then the number may be another's.
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}, 0)
	if err != nil || ready != 0 {
		return ""
	}
	return path
}

// activeSession says whether logind has the user at this machine's own screen,
// now. What is at no seat, such as su's session, is always active to logind.
func activeSession(dir string, uid uint32) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue // logind's pipes lie beside
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		said := map[string]string{}
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				said[key] = value
			}
		}
		if said["UID"] == fmt.Sprint(uid) && said["ACTIVE"] == "1" && said["REMOTE"] == "0" && said["STATE"] == "active" && said["CLASS"] == "user" && said["SEAT"] != "" {
			return true
		}
	}
	return false
}
