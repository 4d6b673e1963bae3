package resolvedtest

import (
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// Questions are the names that a packet asks for, by DNS over UDP and TCP, LLMNR or
// mDNS, in lower case and without the last dot. A question by TCP is looked for at
// the beginning of a segment.
func Questions(packet []byte) (names []string) {
	b, tcp := payload(packet)
	if tcp && len(b) > 2 {
		b = b[2:] // its length
	}
	if len(b) < 12 || b[2]&0x80 != 0 {
		return nil
	}
	var m dns.Msg
	// What comes after the questions may be cut off.
	if m.Unpack(b); m.Opcode != dns.OpcodeQuery {
		return nil
	}
	for _, q := range m.Question {
		names = append(names, canonical(q.Name))
	}
	return names
}

// payload is that of a UDP or TCP packet.
func payload(b []byte) (_ []byte, tcp bool) {
	var proto byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		proto, b = b[9], b[min(len(b), int(b[0]&15)*4):]
	case len(b) >= 40 && b[0]>>4 == 6:
		proto, b = b[6], b[40:]
	}
	switch {
	case proto == unix.IPPROTO_UDP && len(b) >= 8:
		return b[8:], false
	case proto == unix.IPPROTO_TCP && len(b) >= 20:
		return b[min(len(b), int(b[12]>>4)*4):], true
	}
	return nil, false
}
