package cli

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// muter returns what turns a terminal's echo off, or nil if in is none.
func muter(in io.Reader) func() (restore func(), err error) {
	f, ok := in.(*os.File)
	if !ok {
		return nil
	}
	fd := int(f.Fd())
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return nil
	}
	return func() (func(), error) {
		was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return nil, fmt.Errorf("read terminal: %w", err)
		}
		silent := *was
		silent.Lflag &^= unix.ECHO
		silent.Lflag |= unix.ICANON | unix.ISIG
		silent.Iflag |= unix.ICRNL
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
			return nil, fmt.Errorf("set terminal: %w", err)
		}
		return func() { unix.IoctlSetTermios(fd, unix.TCSETS, was) }, nil
	}
}
