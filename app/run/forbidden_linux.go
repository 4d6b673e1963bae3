package run

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// kernel is what systems turn user namespaces off by; empty: it has no such
// switch.
type kernel struct {
	clone    string // kernel.unprivileged_userns_clone, of Debian
	apparmor string // kernel.apparmor_restrict_unprivileged_userns, of Ubuntu
	most     string // user.max_user_namespaces
}

// thisKernel reads what forbidden goes by.
func thisKernel() kernel {
	read := func(name string) string {
		b, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			return "" // this kernel has no such thing
		}
		return strings.TrimSpace(string(b))
	}
	return kernel{
		clone:    read("kernel/unprivileged_userns_clone"),
		apparmor: read("kernel/apparmor_restrict_unprivileged_userns"),
		most:     read("user/max_user_namespaces"),
	}
}

var errNotAsked = errors.New("this is for Tidegate itself; say: tidegate run -- PROGRAM")

// forbidden says in words why there are no namespaces for this user, and what to
// do about it.
func forbidden(err error, k kernel) error {
	switch {
	case k.clone == "0":
		return errors.New("this system lets only root make user namespaces; allow it: sudo sysctl -w kernel.unprivileged_userns_clone=1")
	case k.most == "0":
		return errors.New("user namespaces are turned off; allow them: sudo sysctl -w user.max_user_namespaces=10000")
	case errors.Is(err, syscall.ENOSPC):
		return errors.New("too many user namespaces are in use; end some, or allow more: sudo sysctl -w user.max_user_namespaces=100000")
	case k.apparmor == "1" && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES)):
		return errors.New("AppArmor keeps programs from making user namespaces; allow it: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOSYS):
		return errors.New("this kernel has no user namespaces; use the proxy instead: tidegate proxy")
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return errors.New("something forbids user namespaces here, as containers do; run Tidegate outside, or use the proxy: tidegate proxy")
	}
	return fmt.Errorf("make namespaces: %w", err)
}

// noDevice says in words why there is no TUN device.
func noDevice(err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return errors.New("the kernel has no TUN devices at hand; load them: sudo modprobe tun")
	case errors.Is(err, syscall.EACCES):
		return errors.New("/dev/net/tun is not open to you, as it is on most systems; open it: sudo chmod 0666 /dev/net/tun")
	}
	return fmt.Errorf("open a TUN device: %w", err)
}
