package vpntest

import (
	"encoding/binary"
	"errors"
)

// The sign-in of a Pulse server is EAP (RFC 3748) of Juniper's own type: attributes
// as in Diameter (RFC 6733, section 4.1), one of which may hold EAP again.
const (
	eapRequest  = 1
	eapResponse = 2
	eapSuccess  = 3

	eapIdentity = 1
	eapGTC      = 6
	eapExpanded = 0xfe
)

// Juniper's own types of EAP.
const (
	subtypeAttributes  = 1
	subtypePassword    = 2
	subtypeHostChecker = 3
)

// What is asked in a password's request.
const (
	passwordFirst = 0x01
	passwordAgain = 0x81
)

// vendorAttributes is the vendor of attributes, and attrEAP the one of no vendor.
const (
	vendorAttributes = 0x583
	attrEAP          = 79
)

// The attributes.
const (
	attrServer       = 0xd49
	attrRealmChoice  = 0xd4e
	attrRealm        = 0xd50
	attrCookie       = 0xd53
	attrExpires      = 0xd5c
	attrFailure      = 0xd60
	attrUser         = 0xd6d
	attrAgent        = 0xd70
	attrPrompts      = 0xd73
	attrUserLabel    = 0xd80
	attrSecretLabel  = 0xd81
	attrCodeLabel    = 0xd83
	attrUnknownToAll = 0xdfe
)

// promptSecret, of attrPrompts, asks for a second secret, and not for a user again.
const promptSecret = 3

// attribute is one of them; vendor 0 is none.
type attribute struct {
	code, vendor uint32
	mandatory    bool
	value        []byte
}

// text is an attribute of the vendor's.
func text(code uint32, value string) attribute {
	return attribute{code: code, vendor: vendorAttributes, value: []byte(value)}
}

// number is an attribute of the vendor's.
func number(code, value uint32) attribute {
	return attribute{code: code, vendor: vendorAttributes, value: binary.BigEndian.AppendUint32(nil, value)}
}

// append writes it, padded to a multiple of four bytes.
func (a attribute) append(b []byte) []byte {
	n, flags := uint32(8+len(a.value)), uint32(0)
	if a.vendor != 0 {
		n, flags = n+4, 0x80
	}
	if a.mandatory {
		flags |= 0x40
	}
	b = binary.BigEndian.AppendUint32(b, a.code)
	b = binary.BigEndian.AppendUint32(b, flags<<24|n)
	if a.vendor != 0 {
		b = binary.BigEndian.AppendUint32(b, a.vendor)
	}
	b = append(b, a.value...)
	return append(b, make([]byte, -len(a.value)&3)...)
}

var errAttribute = errors.New("no attributes")

// attributes reads all of them; the last need not be padded.
func attributes(b []byte) (all []attribute, err error) {
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errAttribute
		}
		a := attribute{code: binary.BigEndian.Uint32(b)}
		word := binary.BigEndian.Uint32(b[4:])
		n, at := int(word&0xffffff), 8
		a.mandatory = word>>24&0x40 != 0
		if word>>24&0x80 != 0 {
			at = 12
		}
		if n < at || n > len(b) {
			return nil, errAttribute
		}
		if at == 12 {
			a.vendor = binary.BigEndian.Uint32(b[8:])
		}
		a.value = b[at:n]
		all = append(all, a)
		b = b[min(len(b), n+-n&3):]
	}
	return all, nil
}

// message is an EAP message: a request or a response.
type message struct {
	code, id byte
	kind     byte
	subtype  uint32 // where kind is expanded, which is Juniper's alone
	data     []byte
}

func (m message) append(b []byte) []byte {
	n := 5 + len(m.data)
	if m.kind == eapExpanded {
		n += 7
	}
	b = append(b, m.code, m.id)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = append(b, m.kind)
	if m.kind == eapExpanded {
		b = append(b, vendorJuniper>>16, vendorJuniper>>8&0xff, vendorJuniper&0xff)
		b = binary.BigEndian.AppendUint32(b, m.subtype)
	}
	return append(b, m.data...)
}

var errMessage = errors.New("no EAP message")

// parseMessage reads one, which is all of b.
func parseMessage(b []byte) (m message, err error) {
	if len(b) < 5 || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return m, errMessage
	}
	m = message{code: b[0], id: b[1], kind: b[4], data: b[5:]}
	if m.kind == eapExpanded {
		if len(b) < 12 || binary.BigEndian.Uint32(b[4:])&0xffffff != vendorJuniper {
			return m, errMessage
		}
		m.subtype, m.data = binary.BigEndian.Uint32(b[8:]), b[12:]
	}
	return m, nil
}
