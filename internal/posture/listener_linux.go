package posture

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ears are what Linux announces changes by. What cannot be heard is logged,
// and left to the five minutes.
type ears struct {
	log      *slog.Logger
	announce func(announcement)
	files    *inotify       // nil where there is none
	programs *programEvents // nil until a program counts, or where not permitted
	deaf     bool           // to programs
	seen     processes      // of the programs that count, last time
	sockets  []*netlinkSocket
	readers  sync.WaitGroup
}

// listen begins to hear. The listener's methods are for one goroutine.
func listen(announce func(announcement), log *slog.Logger) listener {
	e := &ears{log: log, announce: announce}
	var err error
	if e.files, err = newInotify(announce, log); err != nil {
		log.Warn("changes of files are seen every five minutes only", "reason", err)
	}
	e.hear("addresses", unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	e.hear("firewall rules", unix.NETLINK_NETFILTER, unix.NFNLGRP_NFTABLES)
	return e
}

// hear announces whatever comes from groups of netlink, which may be anything.
func (e *ears) hear(what string, protocol int, groups ...uint) {
	s, err := subscribe(protocol, groups...)
	if err != nil {
		e.log.Info("some changes are seen every five minutes only", "what", what, "reason", err)
		return
	}
	e.read(s, func([]syscall.NetlinkMessage) bool { return true })
}

// read announces what of the socket's messages counts, until it is closed.
// Messages that were too many for the socket's buffer count.
func (e *ears) read(s *netlinkSocket, counts func([]syscall.NetlinkMessage) bool) {
	e.sockets = append(e.sockets, s)
	e.readers.Go(func() {
		for {
			messages, err := s.receive()
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			if err != nil || counts(messages) {
				e.announce(announcement{})
			}
		}
	})
}

func (e *ears) watch(paths, programs []string) {
	if len(programs) > 0 && e.programs == nil && !e.deaf {
		p, err := newProgramEvents()
		if err != nil {
			e.deaf = true
			e.log.Info("not every start of a program is seen at once", "reason", err)
		} else {
			e.programs = p
			e.read(p.socket, p.count)
		}
	}
	root := os.DirFS("/")
	var seen processes
	if len(programs) > 0 {
		seen = running(root, programs)
	}
	// One that has ended since it was gathered does not end again.
	if e.seen.pids != nil && !maps.EqualFunc(e.seen.pids, seen.pids, slices.Equal) {
		e.announce(announcement{})
	}
	e.seen = seen
	if e.programs != nil {
		e.programs.want(programs, seen)
	}
	if e.files != nil {
		e.files.want(paths, executables(root, programs, seen))
	}
}

// executables are the files that the programs may be run from: those in the
// usual folders, and those that they run from now.
func executables(root fs.FS, programs []string, seen processes) []string {
	var files []string
	for _, program := range programs {
		for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
			files = append(files, filepath.Join(dir, filepath.Base(program)))
		}
		for _, pid := range seen.pids[program] {
			if exe, err := fs.ReadLink(root, "proc/"+strconv.Itoa(pid)+"/exe"); err == nil {
				files = append(files, exe)
			}
		}
	}
	return files
}

func (e *ears) close() {
	for _, s := range e.sockets {
		s.close()
	}
	if e.files != nil {
		e.files.close()
	}
	e.readers.Wait()
}
