package osdns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// What comes together is told together: a program that empties a file, writes it
// and sets its mode makes three events.
const (
	quiet   = 100 * time.Millisecond
	atLeast = time.Second // told after so long, though there is no quiet
)

// Watch implements Configurator: files by inotify(7), links and routes by the
// kernel's news of them, in the network namespace of the caller.
func (d *direct) Watch(ctx context.Context, again func()) error {
	return watch(ctx, d.watched, again)
}

// watched are the names whose change tells, by the folder that they are in, and
// the file itself, which has none.
func (d *direct) watched() map[string][]string {
	all := watchedFiles(d.o)
	for dir, names := range map[string][]string{"/run": {"vpnc"}, "/run/vpnc": {"resolv.conf-backup."}} {
		if dir, err := d.o.resolve(dir); err == nil {
			all[d.o.path(dir)] = append(all[d.o.path(dir)], names...)
		}
	}
	j, _ := peekJournal(d.o) // Apply tells what is wrong with it
	for at := missing(d.o, j); len(at) > 1; at = filepath.Dir(at) {
		dir := d.o.path(filepath.Dir(at))
		all[dir] = append(all[dir], filepath.Base(at)) // what is not there yet is not watched
	}
	return all
}

// watchedFiles are resolv.conf, and where it leads.
func watchedFiles(o Options) map[string][]string {
	all := map[string][]string{o.path(filepath.Dir(resolvConf)): {filepath.Base(resolvConf)}}
	if path, err := o.resolve(resolvConf); err == nil {
		dir := o.path(filepath.Dir(path))
		all[dir] = append(all[dir], filepath.Base(path))
		all[o.path(path)] = nil // mounted there, it is in no folder that can be watched
	}
	return all
}

const (
	folderEvents = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CREATE | unix.IN_DELETE
	fileEvents   = unix.IN_CLOSE_WRITE
)

// watch calls again some time after what is watched has changed, until ctx ends.
// watched is asked anew after each change: folders come and go.
func watch(ctx context.Context, watched func() map[string][]string, again func()) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch resolv.conf: %w", err)
	}
	files := os.NewFile(uintptr(fd), "inotify")
	kernel, err := kernelNews()
	if err != nil {
		files.Close()
		return err
	}
	e := events{watched: watched, file: files}
	e.add()
	heard, g := make(chan struct{}, 1), &errgroup.Group{}
	poke(heard) // of what has changed before this
	ctx, cancel := context.WithCancelCause(ctx)
	for _, run := range []func() error{
		func() error { return e.read(heard) },
		func() error { return listen(kernel, heard) },
	} {
		g.Go(func() error {
			err := run()
			cancel(err) // the first counts
			return nil
		})
	}
	tell(ctx, heard, again)
	cancel(nil)
	files.Close()
	kernel.Close()
	g.Wait()
	return fmt.Errorf("watch resolv.conf: %w", context.Cause(ctx))
}

// tell calls again when nothing has been heard for a while, or for too long.
func tell(ctx context.Context, heard <-chan struct{}, again func()) {
	var since time.Time
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-heard:
			if since.IsZero() {
				since = time.Now()
			}
			timer.Reset(max(0, min(quiet, time.Until(since.Add(atLeast)))))
		case <-timer.C:
			since = time.Time{}
			again()
		}
	}
}

// events are those of inotify.
type events struct {
	file    *os.File
	watched func() map[string][]string
	names   map[int32][]string // by watch
}

// add watches what there is now; what is watched already stays so.
func (e *events) add() {
	e.names = map[int32][]string{}
	raw, err := e.file.SyscallConn()
	if err != nil {
		return // closed
	}
	for path, n := range e.watched() {
		mask := uint32(folderEvents)
		if n == nil {
			mask = fileEvents
		}
		raw.Control(func(fd uintptr) {
			if wd, err := unix.InotifyAddWatch(int(fd), path, mask); err == nil {
				e.names[int32(wd)] = n
			}
		})
	}
}

// read tells of each batch of events that has one of the names, and adds what has
// come to be watched since.
func (e *events) read(heard chan<- struct{}) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := e.file.Read(buf)
		if err != nil {
			return err
		}
		changed := false
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			size := min(len(b), unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:])))
			wd, mask := int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:])
			name := strings.TrimRight(string(b[unix.SizeofInotifyEvent:size]), "\x00")
			changed = changed || mask&unix.IN_Q_OVERFLOW != 0 || counts(e.names[wd], name)
			b = b[size:]
		}
		e.add()
		if changed {
			poke(heard)
		}
	}
}

// counts: names that end in a dot stand for all that begin so, and a star for all.
func counts(names []string, name string) bool {
	if name == "" {
		return true // of the file itself
	}
	for _, n := range names {
		if name == n || n == "*" || strings.HasSuffix(n, ".") && strings.HasPrefix(name, n) {
			return true
		}
	}
	return false
}

// kernelNews opens a socket on which the kernel tells of links, addresses and
// routes (rtnetlink(7)).
func kernelNews() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK,
			Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV6_ROUTE})
		if err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("watch the network: %w", err)
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

// listen tells of each message, whatever it says.
func listen(f *os.File, heard chan<- struct{}) error {
	buf := make([]byte, 64<<10)
	for {
		// ENOBUFS: some are lost, which is news too.
		if _, err := f.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
		poke(heard)
	}
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
