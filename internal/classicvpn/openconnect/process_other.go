//go:build !linux

package openconnect

import (
	"os"
	"syscall"
)

// attributes: nothing here ends it with us.
func attributes() *syscall.SysProcAttr { return nil }

func keepThread() {}

// What there is of signals here ends it.
var (
	signalStop      = os.Interrupt
	signalReconnect = os.Interrupt
)

// waits is not told here.
func (p *process) waits() (waits, known bool) { return false, false }
