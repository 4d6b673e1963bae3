//go:build linux

package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// earlier are those of owners that this architecture has never had.
var earlier []uint32
