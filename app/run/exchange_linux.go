package run

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// exchange gives the namespaces' privileges up and execs the program, with the
// environment as it is. It returns only with an error.
func exchange(path string, program []string) error {
	runtime.LockOSThread() // privileges are a thread's
	if err := renounce(); err != nil {
		return err
	}
	ignore()
	err := unix.Exec(path, program, os.Environ())
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOEXEC) {
		return &NotFoundError{program[0], err}
	}
	return err
}
