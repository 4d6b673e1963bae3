//go:build !linux

package underlay

import (
	"errors"
	"net/netip"
	"syscall"
)

// physical does not know yet how this system is asked: all sockets are plain.
func physical() (adapter, out func(netip.Addr) string) {
	none := func(netip.Addr) string { return "" }
	return none, none
}

func bind(syscall.RawConn, string) error { return errors.ErrUnsupported }

func point(syscall.RawConn, netip.Addr, string) error { return errors.ErrUnsupported }
