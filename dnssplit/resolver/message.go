package resolver

import "encoding/binary"

// plainName is where the name at an offset ends, which has no pointer in it.
func plainName(msg []byte, at int) (end int, ok bool) {
	for start := at; at < len(msg); {
		n := int(msg[at])
		at += 1 + n
		switch {
		case n > 63 || at-start > nameMax || n != 0 && at >= len(msg):
			return 0, false
		case n == 0:
			return at, true
		}
	}
	return 0, false
}

// skipName is where the name at an offset ends. A pointer leads to what ends before
// the name that it is in, so that no reader goes round in circles.
func skipName(msg []byte, at int) (end int, ok bool) {
	limit, length := len(msg), 0
	for {
		start := at
		for {
			if at >= limit {
				return 0, false
			}
			n := int(msg[at])
			if n >= 0xc0 {
				break
			}
			at += 1 + n
			if n == 0 && end == 0 {
				return at, true
			} else if n == 0 {
				return end, true
			}
			if length += 1 + n; n > 63 || length >= nameMax {
				return 0, false
			}
		}
		if at+2 > limit {
			return 0, false
		}
		to := int(msg[at]&0x3f)<<8 | int(msg[at+1])
		if to < headerLen || to >= start {
			return 0, false
		}
		if end == 0 {
			end = at + 2
		}
		limit, at = start, to
	}
}

// record is a resource record within a message.
type record struct {
	typ, class uint16
	ttl        uint32
	ttlAt      int
	body, end  int
}

func readRecord(msg []byte, at int) (rr record, ok bool) {
	at, ok = skipName(msg, at)
	if !ok || at+10 > len(msg) {
		return rr, false
	}
	rr.typ = binary.BigEndian.Uint16(msg[at:])
	rr.class = binary.BigEndian.Uint16(msg[at+2:])
	rr.ttl = binary.BigEndian.Uint32(msg[at+4:])
	rr.ttlAt = at + 4
	rr.body = at + 10
	rr.end = rr.body + int(binary.BigEndian.Uint16(msg[at+8:]))
	return rr, rr.end <= len(msg)
}

// appendHost appends a name, as it was sent, in lower case and without the last
// dot. What is no letter, digit, hyphen or underscore is \DDD, so that a dot
// within a label is not taken for one between two.
func appendHost(b, name []byte) []byte {
	for len(name) > 0 && name[0] != 0 {
		n := int(name[0])
		for _, c := range name[1 : 1+n] {
			switch c = lower(c); {
			case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_':
				b = append(b, c)
			default:
				b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
			}
		}
		if name = name[1+n:]; name[0] != 0 {
			b = append(b, '.')
		}
	}
	return b
}

// appendName appends a host as it is sent. It is false where the host is no name.
func appendName(b []byte, host string) ([]byte, bool) {
	if len(host) == 0 || len(host) > nameMax-2 {
		return b, false
	}
	at := len(b)
	b = append(b, 0)
	for i := range len(host) {
		if host[i] != '.' {
			b = append(b, host[i])
			continue
		}
		if n := len(b) - at - 1; n == 0 || n > 63 {
			return b, false
		}
		b[at] = byte(len(b) - at - 1)
		at = len(b)
		b = append(b, 0)
	}
	n := len(b) - at - 1
	b[at] = byte(n)
	return append(b, 0), 0 < n && n <= 63
}
