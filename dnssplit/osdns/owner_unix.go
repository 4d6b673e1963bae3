//go:build unix

package osdns

import (
	"io/fs"
	"syscall"
)

// owner says whose a file is.
func owner(info fs.FileInfo) (uid, gid int) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return 0, 0
}
