package posture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// inotify hears of changes of files by their paths, also of those that do not
// exist yet: it watches the file, its folder, and as long as that is missing
// the nearest one above it. Of executables it hears that they are run and that
// nobody runs them any more. (A library for this knows of no opening.)
type inotify struct {
	log      *slog.Logger
	announce func(announcement)
	file     *os.File
	reader   sync.WaitGroup
	arming   sync.Mutex         // held while watches are set, which a dead server may hold up
	where    map[string][]int32 // each path's watches; under arming

	mu      sync.Mutex
	watches map[int32][]interest
}

// interest is why something is watched.
type interest struct {
	name string // in the watched folder; empty for the watched file itself
	path string // that changes by it; empty for an executable
}

const (
	changes = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVE | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	gone = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_UNMOUNT // of a file, or a folder with all in it
	uses = unix.IN_OPEN | unix.IN_CLOSE_NOWRITE
)

func newInotify(announce func(announcement), log *slog.Logger) (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("open inotify: %w", err)
	}
	n := &inotify{log: log, announce: announce, file: os.NewFile(uintptr(fd), "inotify"), watches: map[int32][]interest{}}
	n.reader.Go(n.read)
	return n, nil
}

// close ends it. If watches are just being set, and held up, it closes the file
// after that.
func (n *inotify) close() {
	n.file.SetReadDeadline(time.Unix(1, 0))
	if n.arming.TryLock() {
		n.file.Close()
	} else {
		go n.file.Close()
	}
	n.reader.Wait()
}

// want has these be watched and nothing else. It waits for a second at most.
func (n *inotify) want(paths, executables []string) {
	if !n.arming.TryLock() {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer n.arming.Unlock()
		n.arm(paths, executables)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
		n.log.Warn("some files take long to watch")
	}
}

func (n *inotify) arm(paths, executables []string) {
	conn, err := n.file.SyscallConn()
	if err != nil {
		return
	}
	conn.Control(func(fd uintptr) {
		watches, where := map[int32][]interest{}, map[string][]int32{}
		add := func(target string, mask uint32, i interest) bool {
			wd, err := unix.InotifyAddWatch(int(fd), target, mask|unix.IN_MASK_ADD)
			if err == nil {
				watches[int32(wd)] = append(watches[int32(wd)], i)
				where[i.path] = append(where[i.path], int32(wd))
			} else if errors.Is(err, unix.ENOSPC) {
				n.log.Warn("this user has no more watches: changes of a file are seen every five minutes", "file", target)
			}
			return err == nil
		}
		for _, path := range paths {
			add(path, changes, interest{path: path})
			for at := path; at != "/"; at = filepath.Dir(at) {
				if add(filepath.Dir(at), changes, interest{filepath.Base(at), path}) {
					break
				}
			}
		}
		for _, path := range executables {
			add(path, uses, interest{})
		}
		n.mu.Lock()
		old := n.watches
		n.watches = watches
		n.mu.Unlock()
		for wd := range old {
			if watches[wd] == nil {
				unix.InotifyRmWatch(int(fd), uint32(wd))
			}
		}
		n.moved(where)
	})
}

// moved announces the paths that are watched elsewhere than before: what has
// happened to them meanwhile may not have been heard.
func (n *inotify) moved(where map[string][]int32) {
	var a announcement
	for path, watches := range where {
		if old := n.where[path]; path != "" && old != nil && !slices.Equal(old, watches) {
			a.paths = append(a.paths, path)
		}
	}
	n.where = where
	if len(a.paths) > 0 {
		n.announce(a)
	}
}

// read announces until the file is closed.
func (n *inotify) read() {
	buf := make([]byte, 64<<10)
	for {
		size, err := n.file.Read(buf)
		if err != nil {
			return
		}
		var all announcement
		counts := false
		for _, e := range parseInotify(buf[:size]) {
			a, ok := n.meaning(e)
			counts = counts || ok
			all.add(a)
		}
		if counts {
			n.announce(all)
		}
	}
}

// meaning is what an event announces, if anything.
func (n *inotify) meaning(e fileEvent) (a announcement, counts bool) {
	if e.mask&unix.IN_Q_OVERFLOW != 0 {
		return announcement{all: true}, true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range n.watches[e.watch] {
		switch {
		case i.path == "":
			counts = counts || e.mask&uses != 0 && e.name == ""
		case e.mask&changes != 0 && e.name == i.name, e.mask&gone != 0 && e.name == "":
			counts = true
			a.add(announcement{paths: []string{i.path}})
		}
	}
	return a, counts
}

// fileEvent is an event of inotify(7).
type fileEvent struct {
	watch int32
	mask  uint32
	name  string // in the watched folder
}

// parseInotify reads what the kernel sends, up to the first that is malformed.
func parseInotify(b []byte) []fileEvent {
	var all []fileEvent
	for len(b) >= unix.SizeofInotifyEvent {
		size := uint64(unix.SizeofInotifyEvent) + uint64(binary.NativeEndian.Uint32(b[12:]))
		if size > uint64(len(b)) {
			break
		}
		name, _, _ := bytes.Cut(b[unix.SizeofInotifyEvent:size], []byte{0})
		all = append(all, fileEvent{
			watch: int32(binary.NativeEndian.Uint32(b)),
			mask:  binary.NativeEndian.Uint32(b[4:]),
			name:  string(name),
		})
		b = b[size:]
	}
	return all
}
