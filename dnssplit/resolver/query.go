package resolver

import "encoding/binary"

// Sizes of messages, in bytes.
const (
	headerLen  = 12
	nameMax    = 255  // RFC 1035, section 2.3.4
	queryMax   = 2048 // longer lookups are malformed to us
	datagram   = 4096 // the longest answer that we read or send in one
	datagramIn = 512  // what everybody reads (RFC 1035, section 4.2.1)
	ourSize    = 1232 // what we say that we read (DNS flag day 2020)
)

// Bits of a header's third and fourth byte.
const (
	bitQR, bitAA, bitTC, bitRD = 0x80, 0x04, 0x02, 0x01
	bitRA, bitAD, bitCD        = 0x80, 0x20, 0x10

	maskOpcode, maskRcode = 0x78, 0x0f
)

// rcode is what an answer says became of a lookup (RFC 1035, section 4.1.1).
type rcode uint16

const (
	success  rcode = 0
	formErr  rcode = 1
	servFail rcode = 2
	nxDomain rcode = 3
	notImp   rcode = 4
	refused  rcode = 5
	badVers  rcode = 16 // RFC 6891
	dropped  rcode = 0xffff
)

// Types and classes that we tell apart.
const (
	typeA, typeSOA, typePTR, typeAAAA, typeOPT, typeSVCB, typeHTTPS = 1, 6, 12, 28, 41, 64, 65

	typeTSIG, typeIXFR, typeAXFR, typeANY = 250, 251, 252, 255

	classIN = 1
)

// Options of EDNS.
const (
	optNSID, optCookie, optKeepalive, optPadding, optError = 3, 10, 11, 12, 15
)

// query is a lookup, as parse reads it.
type query struct {
	msg   []byte
	end   int // of the question
	typ   uint16
	class uint16

	opt     bool
	do      bool
	version byte
	size    int // of the longest answer that may be sent in a datagram

	// plain: what is asked is in the question and the flags of key, so that
	// somebody else's answer will do.
	plain bool
	// bare: and no option of EDNS is there, so that the very bytes will do.
	bare bool
}

// name is the question's name, as it was sent.
func (q *query) name() []byte { return q.msg[headerLen : q.end-4] }

// question is the name, the type and the class.
func (q *query) question() []byte { return q.msg[headerLen:q.end] }

func (q *query) id() uint16 { return binary.BigEndian.Uint16(q.msg) }

// parse reads a lookup. Anything but success is what it is to be answered with:
// dropped is nothing. The question is read if q.end is not 0.
func (q *query) parse(msg []byte) rcode {
	*q = query{msg: msg, size: datagramIn}
	if len(msg) < headerLen || msg[2]&bitQR != 0 {
		return dropped
	}
	if msg[2]&maskOpcode != 0 {
		return notImp
	}
	if binary.BigEndian.Uint16(msg[4:]) != 1 {
		return formErr
	}
	end, ok := plainName(msg, headerLen)
	if !ok || end+4 > len(msg) {
		return formErr
	}
	q.typ = binary.BigEndian.Uint16(msg[end:])
	q.class = binary.BigEndian.Uint16(msg[end+2:])
	q.end = end + 4
	records := int(binary.BigEndian.Uint16(msg[6:])) + int(binary.BigEndian.Uint16(msg[8:]))
	extra := int(binary.BigEndian.Uint16(msg[10:]))
	q.plain = records == 0 && extra <= 1 && msg[2]&(bitAA|bitTC) == 0 && msg[3]&^(bitAD|bitCD) == 0
	q.bare = q.plain
	at := q.end
	for i := range records + extra {
		rr, ok := readRecord(msg, at)
		if !ok {
			return formErr
		}
		if i >= records && rr.typ == typeOPT {
			if q.opt || rr.body-10 != at+1 { // once, and of the root
				return formErr
			}
			q.readOPT(msg, rr)
		} else {
			q.plain, q.bare = false, false
		}
		at = rr.end
	}
	switch {
	case at != len(msg):
		return formErr
	case q.typ == typeAXFR || q.typ == typeIXFR:
		return notImp // of a zone, in many messages
	}
	return success
}

func (q *query) readOPT(msg []byte, rr record) {
	q.opt = true
	q.size = min(max(int(rr.class), datagramIn), datagram)
	q.do = rr.ttl&(1<<15) != 0
	q.version = byte(rr.ttl >> 16)
	if rr.ttl&^(1<<15) != 0 {
		q.plain, q.bare = false, false
	}
	for b := msg[rr.body:rr.end]; len(b) > 0; {
		q.bare = false
		if len(b) < 4 {
			q.plain = false
			return
		}
		switch binary.BigEndian.Uint16(b) {
		case optNSID, optCookie, optKeepalive, optPadding:
		default:
			q.plain = false
		}
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			q.plain = false
			return
		}
		b = b[n:]
	}
}

// keyMax is the length of the longest key.
const keyMax = nameMax + 4 + 1

// key appends what two lookups have in common that may have the same answer.
func (q *query) key(b []byte) []byte {
	for _, c := range q.name() { // lengths are below 'A'
		b = append(b, lower(c))
	}
	flags := q.msg[2]&bitRD | q.msg[3]&(bitAD|bitCD)
	if q.opt {
		flags |= 4
	}
	if q.do {
		flags |= 2
	}
	b = append(b, q.msg[q.end-4:q.end]...)
	return append(b, flags)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
