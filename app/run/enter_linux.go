package run

// #include "enter_linux.h"
import "C"

import (
	"os/signal"
	"syscall"
)

// entered says whether this process is in its namespaces, or why not.
func entered() error {
	errno := syscall.Errno(C.tidegate_run_errno)
	switch C.tidegate_run_step {
	case C.TIDEGATE_RUN_ENTERED:
		return nil
	case C.TIDEGATE_RUN_UNSHARE, C.TIDEGATE_RUN_MAP:
		return forbidden(errno, thisKernel())
	}
	return errNotAsked
}

// ignore has signals ignored that were when the process started: an exec keeps
// that, and Go's handlers would have it undone.
func ignore() {
	for s := 1; s < 64; s++ {
		if C.tidegate_run_ignored&(1<<s) != 0 {
			signal.Ignore(syscall.Signal(s))
		}
	}
}
