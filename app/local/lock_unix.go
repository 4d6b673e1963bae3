//go:build unix

package local

import (
	"os"
	"syscall"
)

// noFollow has an open refuse what is a link.
const noFollow = syscall.O_NOFOLLOW

// errTaken says that another process has the lock.
var errTaken = syscall.EWOULDBLOCK

// take takes the lock of a file, for this process alone or with others, until the
// file is closed.
func take(f *os.File, alone bool) error {
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
}
