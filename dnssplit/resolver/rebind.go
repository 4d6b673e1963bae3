package resolver

import (
	"encoding/binary"
	"net/netip"
)

// networks are those of our addresses.
type networks [2]netip.Prefix

// in says whether an answer, whose question ends at end, has an address of ours in
// any of its records. Passed on, it would have a program reach an application by a
// name of somebody else's: a page of theirs would be of one origin with it. The
// message is a whole one.
func (n networks) in(msg []byte, end int) bool {
	records := 0
	for at := 6; at < headerLen; at += 2 {
		records += int(binary.BigEndian.Uint16(msg[at:]))
	}
	for at := end; records > 0; records-- {
		rr, ok := readRecord(msg, at)
		if !ok {
			return false
		}
		switch rr.typ {
		case typeA, typeAAAA:
			if n.have(msg[rr.body:rr.end]) {
				return true
			}
		case typeSVCB, typeHTTPS:
			if n.hinted(msg, rr) {
				return true
			}
		}
		at = rr.end
	}
	return false
}

// have says whether an address, as it is sent, is one of ours; that of IPv4 within
// one of IPv6 leads there too.
func (n networks) have(b []byte) bool {
	a, ok := netip.AddrFromSlice(b)
	a = a.Unmap()
	return ok && (n[0].Contains(a) || n[1].Contains(a))
}

// hinted says whether a record of a service has an address of ours among those
// that it spares clients to look up (RFC 9460, section 7.3).
func (n networks) hinted(msg []byte, rr record) bool {
	const ipv4hint, ipv6hint = 4, 6
	at, ok := skipName(msg[:rr.end], rr.body+2)
	for ok && at+4 <= rr.end {
		key, value := binary.BigEndian.Uint16(msg[at:]), msg[at+4:rr.end]
		value = value[:min(len(value), int(binary.BigEndian.Uint16(msg[at+2:])))]
		at += 4 + len(value)
		size := 0
		switch key {
		case ipv4hint:
			size = 4
		case ipv6hint:
			size = 16
		default:
			continue
		}
		for ; len(value) >= size; value = value[size:] {
			if n.have(value[:size]) {
				return true
			}
		}
	}
	return false
}

// appendBlocked appends an answer that says that there is one which is not passed
// on, and why (RFC 8914).
func (q *query) appendBlocked(b []byte) []byte {
	const blocked, why = 15, "the answer leads to an address of Tidegate's"
	b = q.appendError(b, refused)
	if !q.opt {
		return b
	}
	binary.BigEndian.PutUint16(b[len(b)-2:], 4+2+uint16(len(why)))
	return append(append(b, 0, optError, 0, 2+byte(len(why)), 0, blocked), why...)
}
