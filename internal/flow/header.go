package flow

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ID names a flow: random, and bound by the gateway to its session, device key
// and client process.
type ID [16]byte

// NewID makes one up.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails (crypto/rand)
	return id
}

// String is 32 digits in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Header is what wire.HeaderFlow carries, in a CONNECT and in its 2xx answer: a
// structured field's dictionary (RFC 9651).
//
//	Tidegate-Flow: id="0123456789abcdef0123456789abcdef", epoch=2, received=4096
type Header struct {
	ID ID
	// Epoch rises with each attachment of the flow; the first is 1.
	Epoch uint64
	// Received is the offset of the next byte that the sender of the header
	// wants; the end of a direction takes one.
	Received uint64
}

// String is the field's value.
func (h Header) String() string {
	return fmt.Sprintf(`id="%s", epoch=%d, received=%d`, h.ID, h.Epoch, h.Received)
}

// ErrHeader: the field cannot be read.
var ErrHeader = errors.New("the flow header cannot be read")

// maxInteger is the largest of a structured field (RFC 9651, section 3.3.1).
const maxInteger = 999_999_999_999_999

// ParseHeader reads what String writes, and nothing else but optional white
// space.
func ParseHeader(s string) (Header, error) {
	var h Header
	parts := strings.Split(s, ",")
	if len(parts) != 3 {
		return Header{}, ErrHeader
	}
	id, ok := strings.CutPrefix(strings.TrimSpace(parts[0]), `id="`)
	id, quoted := strings.CutSuffix(id, `"`)
	if !ok || !quoted || len(id) != 2*len(h.ID) || id != strings.ToLower(id) {
		return Header{}, ErrHeader
	}
	if _, err := hex.Decode(h.ID[:], []byte(id)); err != nil {
		return Header{}, ErrHeader
	}
	for i, f := range []struct {
		name string
		into *uint64
	}{{"epoch=", &h.Epoch}, {"received=", &h.Received}} {
		v, ok := strings.CutPrefix(strings.TrimSpace(parts[i+1]), f.name)
		n, err := strconv.ParseUint(v, 10, 64)
		if !ok || err != nil || n > maxInteger || v != strconv.FormatUint(n, 10) {
			return Header{}, ErrHeader
		}
		*f.into = n
	}
	if h.Epoch == 0 {
		return Header{}, ErrHeader
	}
	return h, nil
}
