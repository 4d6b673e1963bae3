//go:build !linux

package carrier

import "syscall"

func tune(uintptr) {}

func tcpInfo(syscall.RawConn) (Stats, bool) { return Stats{}, false }
