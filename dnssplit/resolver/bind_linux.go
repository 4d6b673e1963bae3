package resolver

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// bindTo has a socket send and receive by one adapter only. Before Linux 5.7 only
// root may have it.
func bindTo(fd uintptr, _ string, device string) error {
	err := unix.BindToDevice(int(fd), device)
	if errors.Is(err, unix.EPERM) {
		return errMayNotBind
	}
	return os.NewSyscallError("bind to device", err)
}
