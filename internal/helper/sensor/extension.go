//go:build linux

package sensor

import "encoding/binary"

// foreign says whether an extension of iptables' matches: of those that are known,
// which are what ufw and the like write their rules with.
func (m *machine) foreign(e match) bool {
	b := e.info
	word := func(at int) uint16 { return binary.NativeEndian.Uint16(b[at:]) }
	switch {
	case e.name == "comment":
		return true
	case e.name == "mark" && len(b) >= 9: // struct xt_mark_mtinfo1: mark, mask, invert
		return (binary.NativeEndian.Uint32(b) == 0) != (b[8] != 0)
	case e.name == "addrtype" && len(b) >= 8: // struct xt_addrtype_info_v1: source, dest, flags
		source, dest, flags := word(0), word(2), binary.NativeEndian.Uint32(b[4:])
		const invertSource, invertDest, limitOut, unicast, local = 1, 2, 8, 1 << 1, 1 << 2
		if flags&limitOut != 0 {
			return false
		}
		return (source == 0 || (source&local != 0) != (flags&invertSource != 0)) && (dest == 0 || (dest&unicast != 0) != (flags&invertDest != 0))
	case e.name == "conntrack" && len(b) >= 152: // struct xt_conntrack_mtinfo3: …, flags, inverted, states
		const state, fresh = 1, 1 << 3
		return word(146) == state && (word(150)&fresh != 0) != (word(148)&state != 0)
	case e.name == "multiport" && len(b) >= 48: // struct xt_multiport_v1: which, how many, 15 ports, 15 ends, invert
		const source = 0
		return b[0] != source && m.among(b) != (b[47] != 0)
	case e.name == "tcp" && len(b) >= 12: // struct xt_tcp: sources, dests, option, flags' mask, flags, inverted
		const invertDest, invertFlags = 2, 4
		dest := m.between(word(4), word(6))
		flags := syn&b[9] == b[10]
		return word(0) == 0 && word(2) == 1<<16-1 && b[8] == 0 && dest != (b[11]&invertDest != 0) && flags != (b[11]&invertFlags != 0)
	}
	return false
}

// among says whether the port is one of an xt_multiport_v1's, or in one of its ranges.
func (m *machine) among(b []byte) (is bool) {
	for i := range min(int(b[1]), 15) {
		from := binary.NativeEndian.Uint16(b[2+2*i:])
		to := from
		if ranged := b[32+i] != 0; ranged && i < 14 {
			to = binary.NativeEndian.Uint16(b[4+2*i:])
		}
		is = m.between(from, to) || is
	}
	return is
}

// between says whether the port is, and notes that a rule has spoken of these.
func (m *machine) between(from, to uint16) bool {
	m.note(span{from, to})
	return from <= m.p.port && m.p.port <= to
}
