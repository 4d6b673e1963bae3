//go:build !linux

package cli

import (
	"errors"
	"io"
	"os"
)

// isTerminal says whether f is one.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// muter refuses a terminal: its echo cannot be turned off here.
func muter(in io.Reader) func() (restore func(), err error) {
	if !isTerminal(in) {
		return nil
	}
	return func() (func(), error) { return nil, errors.New("not on this system") }
}
