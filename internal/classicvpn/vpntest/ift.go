package vpntest

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A Pulse server speaks IF-T over TLS (TCG, TNC IF-T Binding to TLS 2.0): frames of
// a header of 16 bytes, which are the vendor of the type, the type, the length with
// the header, and a number that counts; one in a TLS record each.
const (
	frameHeader = 16
	maxFrame    = 16384
)

// The vendors of frames.
const (
	vendorTCG     = 0x5597
	vendorJuniper = 0xa4c
)

// The types of frames: TCG's own, and Juniper's.
const (
	tcgVersionRequest  = 1
	tcgVersionResponse = 2
	tcgAuthChallenge   = 5
	tcgAuthResponse    = 6
	tcgAuthSuccess     = 7

	juniperConfig    = 1
	juniperData      = 4
	juniperClient    = 0x88 // what the client says of its machine
	juniperLogoff    = 0x89
	juniperConfigEnd = 0x8f
)

// juniper1 begins every frame of the sign-in: the kind of it.
const juniper1 = vendorJuniper<<8 | 1

// frame is one of them.
type frame struct {
	vendor, kind uint32
	payload      []byte
}

// append writes it, with its number.
func (f frame) append(b []byte, number uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, f.vendor)
	b = binary.BigEndian.AppendUint32(b, f.kind)
	b = binary.BigEndian.AppendUint32(b, uint32(frameHeader+len(f.payload)))
	b = binary.BigEndian.AppendUint32(b, number)
	return append(b, f.payload...)
}

// readFrame reads the next one. The first byte of the vendor is reserved.
func readFrame(r io.Reader) (f frame, err error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	f.vendor = binary.BigEndian.Uint32(head[:]) & 0xffffff
	f.kind = binary.BigEndian.Uint32(head[4:])
	n := binary.BigEndian.Uint32(head[8:])
	if n < frameHeader || n > maxFrame {
		return f, fmt.Errorf("a frame of %d bytes", n)
	}
	f.payload = make([]byte, n-frameHeader)
	_, err = io.ReadFull(r, f.payload)
	return f, err
}
