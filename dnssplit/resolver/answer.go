package resolver

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
)

// keepMost bounds for how long an answer is kept.
const keepMost = time.Hour

// answers says whether a message answers a question that was asked, byte for
// byte: a letter in another case is another question.
func answers(msg, question []byte) bool {
	end := headerLen + len(question)
	return len(msg) >= end && msg[2]&(bitQR|maskOpcode) == bitQR &&
		binary.BigEndian.Uint16(msg[4:]) == 1 && bytes.Equal(msg[headerLen:end], question)
}

// facts are what we need to know of an answer.
type facts struct {
	code rcode // without EDNS's part
	tc   bool
	opt  int      // where the OPT record is, 0: nowhere
	last bool     // and it is the last record
	ttls []uint16 // where the times to live are
	soa  record   // of the authority, if body is not 0
	ttl  uint32   // the shortest
}

// examine reads an answer to a question that ends at end. It is false where the
// message is no whole one. The slice of times is used again.
func (f *facts) examine(msg []byte, end int) bool {
	*f = facts{ttls: f.ttls[:0], ttl: math.MaxUint32}
	f.code = rcode(msg[3] & maskRcode)
	f.tc = msg[2]&bitTC != 0
	if len(msg) > math.MaxUint16 {
		return false
	}
	at := end
	an, ns, ar := int(binary.BigEndian.Uint16(msg[6:])), int(binary.BigEndian.Uint16(msg[8:])), int(binary.BigEndian.Uint16(msg[10:]))
	for i := range an + ns + ar {
		rr, ok := readRecord(msg, at)
		if !ok {
			return false
		}
		if rr.typ == typeOPT {
			if f.opt != 0 || i < an+ns || rr.body-10 != at+1 {
				return false
			}
			f.opt, f.last = at, rr.end == len(msg)
		} else {
			f.ttls = append(f.ttls, uint16(rr.ttlAt))
			if rr.ttl > math.MaxInt32 { // RFC 2181, section 8
				rr.ttl = 0
			}
			f.ttl = min(f.ttl, rr.ttl)
			if an <= i && i < an+ns && rr.typ == typeSOA && rr.end-rr.body >= 22 {
				f.soa = rr
				f.ttl = min(f.ttl, f.minimum(msg))
			}
		}
		at = rr.end
	}
	return at == len(msg)
}

// minimum is the last number of the SOA: how long to keep that there is nothing
// (RFC 2308, section 4).
func (f *facts) minimum(msg []byte) uint32 {
	return binary.BigEndian.Uint32(msg[f.soa.end-4:])
}

// keep is for how long an answer may be kept; 0: not at all.
func (f *facts) keep(msg []byte) time.Duration {
	an := binary.BigEndian.Uint16(msg[6:])
	switch {
	case f.tc || len(f.ttls) == 0:
		return 0
	case f.code == success && an > 0:
	case f.code == success || f.code == nxDomain:
		if f.soa.body == 0 {
			return 0
		}
	default:
		return 0
	}
	if f.opt != 0 && (!f.last || msg[f.opt+5] != 0) { // EDNS's part of the code
		return 0
	}
	return min(time.Duration(f.ttl)*time.Second, keepMost)
}

// kept has a copy of an answer be one that fits everybody: the time to live of the
// SOA is that of what it says, and of EDNS's options those that were for the one
// who asked are gone. It shortens the copy in place.
func (f *facts) kept(msg []byte) []byte {
	if f.soa.body != 0 {
		ttl := min(f.soa.ttl, f.minimum(msg))
		binary.BigEndian.PutUint32(msg[f.soa.ttlAt:], ttl)
	}
	if f.opt == 0 {
		return msg
	}
	at := f.opt + 11
	options := msg[at:]
	msg = msg[:at]
	for len(options) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(options[2:]))
		if n > len(options) {
			break
		}
		if binary.BigEndian.Uint16(options) == optError {
			msg = append(msg, options[:n]...)
		}
		options = options[n:]
	}
	binary.BigEndian.PutUint16(msg[at-2:], uint16(len(msg)-at))
	return msg
}
