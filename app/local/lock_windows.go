package local

import (
	"os"

	"golang.org/x/sys/windows"
)

// noFollow is nothing here: links take rights of their own, and the folder is the
// user's alone.
const noFollow = 0

// errTaken says that another process has the lock.
var errTaken = windows.ERROR_LOCK_VIOLATION

// take takes the lock of a file, for this process alone or with others, until the
// file is closed.
func take(f *os.File, alone bool) error {
	var how uint32 = windows.LOCKFILE_FAIL_IMMEDIATELY
	if alone {
		how |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	return windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &windows.Overlapped{})
}
