package stack

import (
	"encoding/binary"
	"net/netip"
)

// fate is what becomes of a packet that a program, or the kernel, sends.
type fate int

const (
	dropped  fate = iota // it is nobody's, and opens nothing
	forStack             // TCP, UDP and what ICMP says of them: gVisor's
	forEcho              // an echo request
)

// The protocol numbers, and the types of ICMP, that matter here.
const (
	protoICMP, protoTCP, protoUDP, protoFragment, protoICMPv6 = 1, 6, 17, 44, 58

	echoReply, unreachable, echoRequest      = 0, 3, 8
	unreachable6, echoRequest6, echoReply6   = 1, 128, 129
	headerIPv4, headerIPv6, headerICMP       = 20, 40, 8
	codeHost, codePort, codeProhibited       = 1, 3, 10
	codeProhibited6, codeAddress6, codePort6 = 1, 3, 4
	offsetSource4, offsetSource6             = 12, 8
)

// sift says what becomes of a packet. The kernel sends a router solicitation,
// reports for multicast groups, LLMNR and mDNS to every new link, and programs
// broadcast: none of that goes to an application.
func sift(p []byte) fate {
	if len(p) == 0 {
		return dropped
	}
	switch p[0] >> 4 {
	case 4:
		return sift4(p)
	case 6:
		return sift6(p)
	}
	return dropped
}

func sift4(p []byte) fate {
	if len(p) < headerIPv4 {
		return dropped
	}
	head, total := int(p[0]&0xf)*4, int(binary.BigEndian.Uint16(p[2:]))
	if head < headerIPv4 || total < head || total > len(p) {
		return dropped
	}
	src, dst := netip.AddrFrom4([4]byte(p[offsetSource4:])), netip.AddrFrom4([4]byte(p[offsetSource4+4:]))
	if !host(src) || !host(dst) || src == dst || src.As4()[0] == 0 || dst.As4()[0] == 0 || src.As4()[0] >= 240 || dst.As4()[0] >= 240 {
		return dropped
	}
	fragment := binary.BigEndian.Uint16(p[6:])&0x3fff != 0
	switch p[9] {
	case protoTCP, protoUDP:
		return forStack
	case protoICMP:
		if fragment || total < head+headerICMP {
			return dropped
		}
		switch {
		case p[head] == echoRequest && p[head+1] == 0:
			return forEcho
		case p[head] == unreachable:
			return forStack
		}
	}
	return dropped
}

func sift6(p []byte) fate {
	if len(p) < headerIPv6 || headerIPv6+int(binary.BigEndian.Uint16(p[4:])) > len(p) {
		return dropped
	}
	src, dst := netip.AddrFrom16([16]byte(p[offsetSource6:])), netip.AddrFrom16([16]byte(p[offsetSource6+16:]))
	if !host(src) || !host(dst) || src == dst || src.Is4In6() || dst.Is4In6() {
		return dropped
	}
	length := int(binary.BigEndian.Uint16(p[4:]))
	switch p[6] {
	case protoTCP, protoUDP:
		return forStack
	case protoFragment:
		if length >= 8 && (p[headerIPv6] == protoUDP || p[headerIPv6] == protoTCP) {
			return forStack
		}
	case protoICMPv6:
		if length < headerICMP {
			return dropped
		}
		switch {
		case p[headerIPv6] == echoRequest6 && p[headerIPv6+1] == 0:
			return forEcho
		case p[headerIPv6] == unreachable6:
			return forStack
		}
	}
	return dropped
}

// host says whether an address can be one host's, beyond this link.
func host(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}
