package netlab

import (
	"encoding/binary"
	"sync"
)

// The protocols whose ports a nat translates, and the first port that it gives.
const (
	protoTCP  = 6
	protoUDP  = 17
	firstPort = 20_000
)

// nat translates the source ports of the connections that begin at one end, as a
// router at home does, and loses what comes for none of them.
type nat struct {
	mu   sync.Mutex
	next uint16
	out  map[natPort]uint16 // by the port inside
	in   map[natPort]uint16 // by the port outside
}

type natPort struct {
	proto byte
	port  uint16
}

func newNAT(next uint16) *nat {
	return &nat{next: max(next, firstPort), out: map[natPort]uint16{}, in: map[natPort]uint16{}}
}

// last is the port to give next.
func (n *nat) last() uint16 {
	if n == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.next
}

// outside is the port that stands for one inside.
func (n *nat) outside(k natPort) uint16 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p, ok := n.out[k]; ok {
		return p
	}
	for n.in[natPort{k.proto, n.next}] != 0 {
		n.next = max(n.next+1, firstPort)
	}
	p := n.next
	n.next = max(n.next+1, firstPort)
	n.out[k], n.in[natPort{k.proto, p}] = p, k.port
	return p
}

// inside is the port that one outside stands for; 0: none.
func (n *nat) inside(k natPort) uint16 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.in[k]
}

// translate rewrites a packet on its way out or in, and says whether it goes on.
// What is no first fragment of TCP or UDP over IPv4 goes on as it is.
func (n *nat) translate(b []byte, out bool) bool {
	proto, at := transport(b)
	if at == 0 {
		return true
	}
	place := b[at:]
	if !out {
		place = b[at+2:]
	}
	old := binary.BigEndian.Uint16(place)
	var port uint16
	if out {
		port = n.outside(natPort{proto, old})
	} else if port = n.inside(natPort{proto, old}); port == 0 {
		return false
	}
	binary.BigEndian.PutUint16(place, port)
	sum := b[at+6:]
	if proto == protoTCP {
		sum = b[at+16:]
	} else if binary.BigEndian.Uint16(sum) == 0 {
		return true // it has none
	}
	binary.BigEndian.PutUint16(sum, resum(binary.BigEndian.Uint16(sum), old, port))
	return true
}

// transport is the protocol of a packet and where its header begins; 0: it is
// none of ours.
func transport(b []byte) (proto byte, at int) {
	if len(b) < 20 || b[0]>>4 != 4 || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return 0, 0
	}
	at = int(b[0]&15) * 4
	switch least := map[byte]int{protoTCP: 20, protoUDP: 8}[b[9]]; {
	case least == 0 || len(b) < at+least:
		return 0, 0
	}
	return b[9], at
}

// resum is a checksum after one word has changed (RFC 1624).
func resum(sum, from, to uint16) uint16 {
	s := uint32(^sum) + uint32(^from) + uint32(to)
	s = s&0xffff + s>>16
	s = s&0xffff + s>>16
	return ^uint16(s)
}
