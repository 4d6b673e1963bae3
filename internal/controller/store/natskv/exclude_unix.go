//go:build unix

package natskv

import (
	"os"
	"syscall"
)

// errTaken says that another process has the lock.
var errTaken = syscall.EWOULDBLOCK

// exclude has the file to this process alone, until it is closed.
func exclude(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
