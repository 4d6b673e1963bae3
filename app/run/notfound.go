package run

import (
	"errors"
	"fmt"
	"io/fs"
)

// NotFoundError is a program that there is not, or that cannot be executed.
type NotFoundError struct {
	Program string
	Err     error
}

// Error implements error.
func (e *NotFoundError) Error() string {
	if errors.Is(e.Err, fs.ErrPermission) {
		return fmt.Sprintf("%s cannot be executed; make it executable, or name another program", e.Program)
	}
	return fmt.Sprintf("there is no program %s; check its name, or give its path", e.Program)
}

// Unwrap gives why.
func (e *NotFoundError) Unwrap() error { return e.Err }
