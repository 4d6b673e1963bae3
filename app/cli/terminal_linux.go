package cli

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal says whether f is one.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// muter returns what turns a terminal's echo off, or nil if in is none.
func muter(in io.Reader) func() (restore func(), err error) {
	if !isTerminal(in) {
		return nil
	}
	fd := int(in.(*os.File).Fd())
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
