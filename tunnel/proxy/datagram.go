package proxy

import (
	"bytes"
	"errors"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

var errDatagram = errors.New("the datagram cannot be read, or is a fragment")

// parseDatagram reads a datagram of a program (RFC 1928, section 7). Fragments
// are dropped, as the RFC allows.
func parseDatagram(b []byte) (t front.Target, payload []byte, err error) {
	if len(b) < 4 || b[0] != 0 || b[1] != 0 || b[2] != 0 {
		return t, nil, errDatagram
	}
	r := bytes.NewReader(b[3:])
	if t, err = readAddress(r); err != nil {
		return t, nil, err
	}
	if t.Port == 0 {
		return t, nil, errPort
	}
	t.Protocol = wire.UDP
	return t, b[len(b)-r.Len():], nil
}

// datagram writes what parseDatagram reads.
func datagram(t front.Target, payload []byte) []byte {
	b := make([]byte, 0, 3+1+1+255+2+len(payload))
	return append(appendAddress(append(b, 0, 0, 0), t), payload...)
}
