//go:build !linux

package openconnect

import (
	"errors"
	"os"
	"syscall"
)

// attributes: nothing here ends it with us.
func attributes() *syscall.SysProcAttr { return nil }

func keepThread() error { return nil }

// What there is of signals here ends it.
var (
	signalStop      = os.Interrupt
	signalReconnect = os.Interrupt
)

// waits is not told here.
func (p *process) waits() (waits, known bool) { return false, false }

// hides is not told here.
func (p *process) hides() (hides, known bool) { return false, false }

// terminal: there is none here.
func terminal() (ours, theirs *os.File, err error) { return nil, nil, errors.ErrUnsupported }
