// Package filewatch tells of changes of one file in a folder, however it is changed, and
// whether it is there or not.
package filewatch

import (
	"bytes"
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watch calls changed when it has begun, and whenever a file of a folder may be
// another: written, put in its place, or gone. It ends with ctx; where nothing of
// that is announced, at once.
func Watch(ctx context.Context, dir, name string, changed func()) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), "inotify")
	defer f.Close()
	const events = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CLOSE_WRITE | unix.IN_ONLYDIR
	if _, err := unix.InotifyAddWatch(fd, dir, events); err != nil {
		return
	}
	changed()
	defer context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 16<<10)
	for {
		n, err := f.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], append([]byte(name), 0)) {
			changed()
		}
	}
}
