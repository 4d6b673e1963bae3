package resolver

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// unicastIf is IP_UNICAST_IF and IPV6_UNICAST_IF, of ws2ipdef.h.
const unicastIf = 31

// bindTo has a socket send by one adapter only. IPv4 takes the adapter's index in
// the network's byte order, IPv6 in the machine's.
func bindTo(fd uintptr, network, device string) error {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("find adapter %s: %w", device, syscall.ENODEV)
	}
	level, index := windows.IPPROTO_IP, i.Index
	if strings.HasSuffix(network, "6") {
		level = windows.IPPROTO_IPV6
	} else {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(index))
		index = int(binary.NativeEndian.Uint32(b[:]))
	}
	return os.NewSyscallError("bind to adapter", windows.SetsockoptInt(windows.Handle(fd), level, unicastIf, index))
}
