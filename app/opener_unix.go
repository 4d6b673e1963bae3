//go:build unix && !linux

package app

import (
	"os/exec"
	"runtime"
	"syscall"
)

// opener is the desktop's program that opens a URL in the user's browser.
func opener(u string) *exec.Cmd {
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	}
	c := exec.Command(program, u)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // the browser outlives us
	return c
}
