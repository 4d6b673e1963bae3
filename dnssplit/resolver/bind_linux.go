package resolver

import (
	"os"

	"golang.org/x/sys/unix"
)

// bindTo has a socket send and receive by one adapter only.
func bindTo(fd uintptr, _ string, device string) error {
	return os.NewSyscallError("bind to device", unix.BindToDevice(int(fd), device))
}
