package flow

import (
	"encoding/binary"
	"errors"
)

// The types of capsules (RFC 9297, section 3.2). The numbers were drawn at
// random among those that RFC 9297, section 5.4, neither registers nor reserves
// for greasing (0x29*n + 0x17). Offsets are varints (RFC 9000, section 16).
//
//	DATA   offset, payload   the bytes at offset
//	ACK    offset            all before it has been accepted by the far kernel
//	FIN    offset            the direction ends there, and the end takes one
//	RESET                    the flow is over
const (
	typeData  = 0x2e5b71c0
	typeAck   = 0x2e5b71c1
	typeFin   = 0x2e5b71c2
	typeReset = 0x2e5b71c3
)

const (
	// maxPayload is the most that a DATA capsule may carry.
	maxPayload = 256 << 10
	// maxUnknown is the longest capsule of another type that is skipped.
	maxUnknown = 64 << 10
	// maxOffset leaves room in a structured field's integer.
	maxOffset = maxInteger

	// dataHeader and ackSize are how long ours are: the lengths do not vary.
	dataHeader = 4 + 4 + 8
	ackSize    = 4 + 1 + 8
	// maxHeader is the longest that parse needs to see.
	maxHeader = 3 * 8
)

// errCapsule: the far end does not speak the protocol.
var errCapsule = errors.New("the capsule breaks the protocol")

// capsule is the head of one.
type capsule struct {
	kind   uint64
	offset uint64 // of DATA, ACK and FIN
	// size is what follows the head: DATA's payload, or what is to be skipped.
	size int
}

// parse reads the head of a capsule. n is its length; 0: b is too short to tell.
func parse(b []byte) (c capsule, n int, err error) {
	kind, k := varint(b)
	if k == 0 {
		return capsule{}, 0, nil
	}
	size, l := varint(b[k:])
	if l == 0 {
		return capsule{}, 0, nil
	}
	c, n = capsule{kind: kind}, k+l
	switch kind {
	case typeData, typeAck, typeFin:
	case typeReset:
		if size != 0 {
			return capsule{}, 0, errCapsule
		}
		return c, n, nil
	default:
		if size > maxUnknown {
			return capsule{}, 0, errCapsule
		}
		c.size = int(size)
		return c, n, nil
	}
	if size == 0 || size > 8+maxPayload {
		return capsule{}, 0, errCapsule
	}
	offset, o := varint(b[n:])
	if o == 0 && (len(b) == n || uint64(1)<<(b[n]>>6) <= size) {
		return capsule{}, 0, nil
	}
	if o == 0 || uint64(o) > size || offset > maxOffset || kind != typeData && uint64(o) != size || size-uint64(o) > maxPayload {
		return capsule{}, 0, errCapsule
	}
	c.offset, c.size = offset, int(size)-o
	return c, n + o, nil
}

// varint reads one; n is 0 where b is too short.
func varint(b []byte) (v uint64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	v = uint64(b[0] & 0x3f)
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, n
}

// Ours are written with varints of fixed length.
func appendType(b []byte, kind uint32) []byte {
	return binary.BigEndian.AppendUint32(b, 0x80000000|kind)
}

func appendOffset(b []byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(b, 0xc000000000000000|v)
}

func appendData(b []byte, offset uint64, payload int) []byte {
	b = appendType(b, typeData)
	b = binary.BigEndian.AppendUint32(b, 0x80000000|uint32(8+payload))
	return appendOffset(b, offset)
}

func appendAck(b []byte, offset uint64) []byte {
	return appendOffset(append(appendType(b, typeAck), 8), offset)
}

func appendFin(b []byte, offset uint64) []byte {
	return appendOffset(append(appendType(b, typeFin), 8), offset)
}

func appendReset(b []byte) []byte { return append(appendType(b, typeReset), 0) }
