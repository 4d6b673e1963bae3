package run

import (
	"strings"
	"syscall"
	"testing"
)

// Each way that systems turn this off has its own cure.
func TestForbidden(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		kernel kernel
		want   string
	}{
		{"Debian 10", syscall.EPERM, kernel{clone: "0", most: "100"}, "sudo sysctl -w kernel.unprivileged_userns_clone=1"},
		{"Ubuntu 24.04", syscall.EPERM, kernel{clone: "1", apparmor: "1", most: "100"}, "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
		{"Ubuntu 24.04, later", syscall.EACCES, kernel{clone: "1", apparmor: "1", most: "100"}, "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
		{"hardened", syscall.ENOSPC, kernel{most: "0"}, "sudo sysctl -w user.max_user_namespaces=10000"},
		{"used up", syscall.ENOSPC, kernel{most: "100"}, "end some, or allow more"},
		{"without", syscall.EINVAL, kernel{}, "this kernel has no user namespaces"},
		{"a container", syscall.EPERM, kernel{most: "100"}, "as containers do"},
		{"something else", syscall.ENOMEM, kernel{most: "100"}, "make namespaces: cannot allocate memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := forbidden(tt.err, tt.kernel).Error(); !strings.Contains(got, tt.want) {
				t.Error(got)
			}
		})
	}
	for err, want := range map[error]string{
		syscall.ENOENT: "sudo modprobe tun",
		syscall.EACCES: "sudo chmod 0666 /dev/net/tun",
		syscall.EMFILE: "open a TUN device: too many open files",
	} {
		if got := noDevice(err).Error(); !strings.Contains(got, want) {
			t.Error(got)
		}
	}
}
