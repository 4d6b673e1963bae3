//go:build !linux

package cli

import (
	"errors"
	"io"
	"os"
)

// muter refuses a terminal: its echo cannot be turned off here.
func muter(in io.Reader) func() (restore func(), err error) {
	f, ok := in.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func() (func(), error) { return nil, errors.New("not on this system") }
}
