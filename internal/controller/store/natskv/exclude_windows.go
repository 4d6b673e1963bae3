package natskv

import (
	"os"

	"golang.org/x/sys/windows"
)

// errTaken says that another process has the lock.
var errTaken = windows.ERROR_LOCK_VIOLATION

// exclude has the file to this process alone, until it is closed.
func exclude(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
}
