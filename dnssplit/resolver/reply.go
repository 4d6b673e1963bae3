package resolver

import "encoding/binary"

// appendReply appends an answer without records, ready for some to follow: the
// header, and the question if it could be read. The lookup has a whole header.
func (q *query) appendReply(b []byte, code rcode) []byte {
	b = append(b, q.msg[0], q.msg[1],
		bitQR|q.msg[2]&(maskOpcode|bitRD),
		bitRA|q.msg[3]&bitCD|byte(code)&maskRcode,
		0, 0, 0, 0, 0, 0, 0, 0)
	if q.end != 0 {
		b[len(b)-7] = 1
		b = append(b, q.question()...)
	}
	return b
}

// appendOPT ends an answer that begins at b[0] with ours, where the lookup had one.
func (q *query) appendOPT(b []byte, code rcode) []byte {
	if !q.opt {
		return b
	}
	b[11]++
	do := byte(0)
	if q.do {
		do = 0x80
	}
	return append(b, 0, 0, typeOPT, ourSize>>8, ourSize&0xff, byte(code>>4), 0, do, 0, 0, 0)
}

// appendError appends an answer that only says what became of the lookup.
func (q *query) appendError(b []byte, code rcode) []byte {
	return q.appendOPT(q.appendReply(b, code), code)
}

// truncate shortens an answer to its question, and says so, for a client that is
// to ask again by TCP. What the answer said of EDNS stays, but for its options.
func truncate(answer []byte, end int, opt int) []byte {
	extra := byte(0)
	if opt != 0 { // behind the question, and so the copy does not overtake it
		extra = 1
		n := copy(answer[end:end+9], answer[opt:opt+9])
		end += n + copy(answer[end+n:end+n+2], "\x00\x00")
	}
	answer = answer[:end]
	answer[2] |= bitTC
	clear(answer[6:headerLen])
	answer[11] = extra
	return answer
}

// readdress has an answer be that of another lookup with the same question: the
// ID, and the letters as they were sent.
func readdress(answer []byte, id uint16, question []byte) {
	binary.BigEndian.PutUint16(answer, id)
	copy(answer[headerLen:], question)
}
