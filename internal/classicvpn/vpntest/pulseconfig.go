package vpntest

import (
	"encoding/binary"
	"net/netip"
)

// The parts of what a Pulse server gives.
const (
	configAddress4 = 0x0001
	configMask4    = 0x0002
	configDNS4     = 0x0003
	configAddress6 = 0x0008
	configDNS6     = 0x000a
	configRoute6   = 0x000f
	configMTU      = 0x4005
	configDomains  = 0x4006
)

// given is what a client is given.
type given struct {
	addresses []netip.Prefix
	servers   []netip.Addr
	domains   string // comma separated
	routes    []netip.Prefix
	mtu       uint32
}

// append writes it as a frame's payload: sixteen zeroes, a word that tells what it is,
// its length with the frame's header left out, a table of IPv4 networks, each by its
// first and its last address, and the rest as type, length and value.
func (g given) append(b []byte) []byte {
	begin := len(b)
	b = append(b, make([]byte, 16)...)
	b = binary.BigEndian.AppendUint32(b, 0x2c20f000)
	b = append(b, make([]byte, 8)...) // zeroes, and the length

	table := len(b)
	b = append(b, 0x2e, 0, 0, 0, 0, 0, 0, 0) // with its length, and how many
	count := 0
	for _, r := range g.routes {
		if !r.Addr().Is4() {
			continue
		}
		count++
		first := r.Masked().Addr().As4()
		last := first
		for bit := r.Bits(); bit < 32; bit++ {
			last[bit/8] |= 0x80 >> (bit % 8)
		}
		b = append(b, 0x07, 0, 0, 0x10, 0, 0, 0xff, 0xff)
		b = append(b, first[:]...)
		b = append(b, last[:]...)
	}
	binary.BigEndian.PutUint16(b[table+2:], uint16(len(b)-table))
	b[table+4] = byte(count)

	rest := len(b)
	b = append(b, 0, 0, 0, 0, 0x03, 0, 0, 0) // its length, and a word that is always there
	part := func(kind uint16, value ...byte) {
		b = binary.BigEndian.AppendUint16(b, kind)
		b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
	}
	for _, a := range g.addresses {
		if a.Addr().Is4() {
			part(configAddress4, a.Addr().AsSlice()...)
			part(configMask4, 255, 255, 255, 255)
		} else {
			part(configAddress6, append(a.Addr().AsSlice(), byte(a.Bits()))...)
		}
	}
	for _, s := range g.servers {
		if s.Is4() {
			part(configDNS4, s.AsSlice()...)
		} else {
			part(configDNS6, s.AsSlice()...)
		}
	}
	for _, r := range g.routes {
		if r.Addr().Is6() {
			part(configRoute6, append(r.Addr().AsSlice(), byte(r.Bits()))...)
		}
	}
	part(configMTU, binary.BigEndian.AppendUint32(nil, g.mtu)...)
	if g.domains != "" {
		part(configDomains, append([]byte(g.domains), 0)...)
	}
	binary.BigEndian.PutUint32(b[rest:], uint32(len(b)-rest))
	binary.BigEndian.PutUint32(b[begin+0x18:], uint32(len(b)-begin))
	return b
}
