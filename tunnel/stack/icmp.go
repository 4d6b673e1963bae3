package stack

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
)

// quote is the beginning of a program's packet, as ICMP's errors quote it.
type quote []byte

// quoted is enough to know the connection by: the IP header, the ports, and of
// TCP the sequence number, which the kernel asks for.
const quoted = 28 // of the transport's header and payload

func quoteOf(ip, transport []byte) quote {
	q := append(make(quote, 0, len(ip)+quoted), ip...)
	return append(q, transport[:min(len(transport), quoted)]...)
}

// reason is what an ICMP error says.
type reason int

const (
	noHost     reason = iota // nobody is there, or does not answer
	noPort                   // nobody listens
	prohibited               // access is denied
)

// denial makes the ICMP error (RFC 792, RFC 4443) that the packet's destination
// would send for it; nil for what is no packet.
func denial(q quote, r reason) []byte {
	if len(q) == 0 {
		return nil
	}
	switch q[0] >> 4 {
	case 4:
		if len(q) < headerIPv4 {
			return nil
		}
		code := [...]byte{noHost: codeHost, noPort: codePort, prohibited: codeProhibited}[r]
		message := append([]byte{unreachable, code, 0, 0, 0, 0, 0, 0}, q...)
		return packet4([4]byte(q[offsetSource4+4:]), [4]byte(q[offsetSource4:]), message)
	case 6:
		if len(q) < headerIPv6 {
			return nil
		}
		code := [...]byte{noHost: codeAddress6, noPort: codePort6, prohibited: codeProhibited6}[r]
		message := append([]byte{unreachable6, code, 0, 0, 0, 0, 0, 0}, q...)
		return packet6([16]byte(q[offsetSource6+16:]), [16]byte(q[offsetSource6:]), message)
	}
	return nil
}

// answer makes the reply to an echo request that sift let through.
func answer(request []byte) []byte {
	if request[0]>>4 == 4 {
		head := int(request[0]&0xf) * 4
		total := int(binary.BigEndian.Uint16(request[2:]))
		message := append([]byte(nil), request[head:total]...)
		message[0], message[2], message[3] = echoReply, 0, 0
		return packet4([4]byte(request[offsetSource4+4:]), [4]byte(request[offsetSource4:]), message)
	}
	message := append([]byte(nil), request[headerIPv6:headerIPv6+int(binary.BigEndian.Uint16(request[4:]))]...)
	message[0], message[2], message[3] = echoReply6, 0, 0
	return packet6([16]byte(request[offsetSource6+16:]), [16]byte(request[offsetSource6:]), message)
}

// packet4 makes an IPv4 packet of an ICMP message, whose checksum is not set.
func packet4(from, to [4]byte, message []byte) []byte {
	p := make([]byte, headerIPv4, headerIPv4+len(message))
	p[0], p[8], p[9] = 0x45, 64, protoICMP
	binary.BigEndian.PutUint16(p[2:], uint16(headerIPv4+len(message)))
	copy(p[offsetSource4:], from[:])
	copy(p[offsetSource4+4:], to[:])
	binary.BigEndian.PutUint16(p[10:], ^checksum.Checksum(p, 0))
	binary.BigEndian.PutUint16(message[2:], ^checksum.Checksum(message, 0))
	return append(p, message...)
}

// packet6 does the same for IPv6, whose checksum covers the addresses.
func packet6(from, to [16]byte, message []byte) []byte {
	p := make([]byte, headerIPv6, headerIPv6+len(message))
	p[0], p[6], p[7] = 0x60, protoICMPv6, 64
	binary.BigEndian.PutUint16(p[4:], uint16(len(message)))
	copy(p[offsetSource6:], from[:])
	copy(p[offsetSource6+16:], to[:])
	pseudo := checksum.Checksum(p[offsetSource6:], 0)
	pseudo = checksum.Combine(pseudo, checksum.Combine(uint16(len(message)), protoICMPv6))
	binary.BigEndian.PutUint16(message[2:], ^checksum.Checksum(message, pseudo))
	return append(p, message...)
}
