//go:build linux

package sensor

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// adapter is one that a packet may leave by.
type adapter struct {
	index int
	name  string
	kind  uint16 // ARPHRD_
}

// packet is the first of a connection of TCP.
type packet struct {
	out  adapter
	to   netip.Addr
	port uint16
}

// web is the port for HTTPS, syn a flag of TCP.
const (
	web = 443
	syn = 0x02
)

func (p packet) family() byte {
	if p.to.Is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

// value is bytes of which not all are known.
type value struct {
	data  []byte
	known []bool
}

func knownly(b ...byte) value {
	return value{b, slices.Repeat([]bool{true}, len(b))}
}

func unknown(n int) value { return value{make([]byte, n), make([]bool, n)} }

// network is the packet's header of IP: what another packet of the kind may have
// otherwise is not known.
func (p packet) network() value {
	v := unknown(40)
	if p.to.Is4() {
		v = unknown(20)
		v.set(0, 0x45)
		v.set(9, unix.IPPROTO_TCP)
	} else {
		v.set(0, 0x60)
		v.set(6, unix.IPPROTO_TCP)
	}
	v.set(p.at(), p.to.AsSlice()...)
	return v
}

// at is where the destination is in the header.
func (p packet) at() int {
	if p.to.Is4() {
		return 16
	}
	return 24
}

func (p packet) transport() value {
	v := unknown(20)
	v.set(2, binary.BigEndian.AppendUint16(nil, p.port)...)
	v.set(13, syn)
	return v
}

func (v value) set(at int, b ...byte) {
	for i, c := range b {
		v.data[at+i], v.known[at+i] = c, true
	}
}

// cut is n bytes at some place; beyond the end nothing is known.
func (v value) cut(at, n int) value {
	c := unknown(n)
	for i := range n {
		if at+i < len(v.data) && at >= 0 {
			c.data[i], c.known[i] = v.data[at+i], v.known[at+i]
		}
	}
	return c
}

func (v value) whole() bool { return !slices.Contains(v.known, false) }

// machine is nftables', for one packet. What is not known of a packet is like nothing
// that a rule has in mind: it differs from all that it may be compared with.
type machine struct {
	rules  ruleset
	sets   map[place][]element
	p      packet
	family byte // the tables'
	words  value
	dest   map[int]int  // by where in words: how many bits of the destination stand there
	door   map[int]bool // by where in words: the destination's port stands there
	steps  *int         // of all packets
	low    []byte       // that a register is not below
	// asked are networks that the destination was compared with, ports those that its
	// port was.
	asked map[netip.Prefix]bool
	ports map[span]bool
}

// span is from a port to another.
type span struct{ from, to uint16 }

// Bounds of packets' ways: the kernel has the first, too.
const (
	mostDepth = 16
	mostSteps = 1 << 22
	mostAsked = 256
	mostPorts = 16
)

// passes says whether a base chain lets the packet out.
func (m *machine) passes(b base) bool {
	m.family = b.family
	switch m.chain(b.place, 0) {
	case expr.VerdictDrop:
		return false
	case expr.VerdictReturn:
		return !b.drops
	}
	return true
}

// chain runs one, and is VerdictReturn where it decides nothing.
func (m *machine) chain(at place, depth int) expr.VerdictKind {
	if depth > mostDepth {
		return expr.VerdictReturn
	}
	for _, rule := range m.rules.rules[at] {
		m.words, m.dest, m.door = unknown(80), map[int]int{}, map[int]bool{}
		for _, e := range rule {
			if *m.steps++; *m.steps > mostSteps {
				return expr.VerdictAccept // nothing is claimed of what takes so long
			}
			ok, v := m.step(at.table, e)
			if v != nil {
				switch v.Kind {
				case expr.VerdictAccept, expr.VerdictDrop:
					return v.Kind
				case expr.VerdictJump:
					if k := m.chain(place{at.table, v.Chain}, depth+1); k != expr.VerdictReturn {
						return k
					}
				case expr.VerdictGoto:
					return m.chain(place{at.table, v.Chain}, depth+1)
				case expr.VerdictReturn:
					return v.Kind
				case expr.VerdictContinue:
				default: // a program decides
					return expr.VerdictAccept
				}
				break
			}
			if !ok {
				break
			}
		}
	}
	return expr.VerdictReturn
}

// step does one expression: whether the rule goes on, or what it has decided.
func (m *machine) step(in table, e any) (ok bool, v *expr.Verdict) {
	switch e := e.(type) {
	case *expr.Verdict:
		return true, e
	case *expr.Immediate:
		m.put(e.Register, knownly(e.Data...))
	case *expr.Meta:
		if !e.SourceRegister {
			m.put(e.Register, m.meta(e.Key))
		}
	case *expr.Ct:
		if !e.SourceRegister {
			m.put(e.Register, m.conntrack(e.Key))
		}
	case *expr.Fib:
		m.put(e.Register, m.fib(e))
	case *expr.Payload:
		m.payload(e)
	case *expr.Bitwise:
		m.bitwise(e)
	case *expr.Byteorder:
		m.swap(e)
	case *expr.Cmp:
		return m.compare(e), nil
	case *expr.Range:
		m.ask(e.Register, e.FromData, e.ToData)
		m.speak(e.Register, e.FromData, e.ToData)
		got := m.get(e.Register, len(e.FromData))
		in := got.whole() && len(e.ToData) == len(e.FromData) && bytes.Compare(got.data, e.FromData) >= 0 && bytes.Compare(got.data, e.ToData) <= 0
		return in == (e.Op == expr.CmpOpEq), nil
	case *expr.Lookup:
		return m.lookup(in, e)
	case *expr.Limit:
		return !e.Over, nil
	case match:
		return m.foreign(e), nil
	case target:
		if e.name == "REJECT" {
			return true, &expr.Verdict{Kind: expr.VerdictDrop}
		}
	case strange:
		return m.strange(e)
	}
	return true, nil
}

// strange are expressions that say nothing of the packet, or that decide.
func (m *machine) strange(e strange) (bool, *expr.Verdict) {
	switch e.name {
	case "reject":
		return true, &expr.Verdict{Kind: expr.VerdictDrop}
	case "queue", "synproxy":
		return true, &expr.Verdict{Kind: expr.VerdictAccept}
	case "counter", "log", "last", "notrack", "objref", "dynset", "secmark", "nat", "masq", "redir", "tproxy", "ct_helper", "cttimeout", "ctexpect", "flow_offload", "dup", "fwd":
		return true, nil
	}
	return false, nil
}

// word is where a register is, in bytes; negative: nowhere.
func word(register uint32) int {
	switch {
	case register >= unix.NFT_REG_1 && register <= unix.NFT_REG_4:
		return int(register) * 16
	case register >= unix.NFT_REG32_00 && register <= unix.NFT_REG32_15:
		return 16 + int(register-unix.NFT_REG32_00)*4
	}
	return -1
}

func (m *machine) put(register uint32, v value) {
	at := word(register)
	if at < 0 {
		return
	}
	for i := range v.data {
		if at+i < len(m.words.data) {
			m.words.data[at+i], m.words.known[at+i] = v.data[i], v.known[i]
		}
	}
	delete(m.dest, at)
	delete(m.door, at)
}

func (m *machine) get(register uint32, n int) value {
	if n < 0 || n > len(m.words.data) {
		return unknown(0)
	}
	return m.words.cut(word(register), n)
}

func (m *machine) meta(key expr.MetaKey) value {
	native := func(n uint32) value { return knownly(binary.NativeEndian.AppendUint32(nil, n)...) }
	switch key {
	case expr.MetaKeyOIFNAME:
		var name [16]byte
		copy(name[:], m.p.out.name)
		return knownly(name[:]...)
	case expr.MetaKeyOIF:
		return native(uint32(m.p.out.index))
	case expr.MetaKeyOIFTYPE:
		return knownly(binary.NativeEndian.AppendUint16(nil, m.p.out.kind)...)
	case expr.MetaKeyIIFNAME:
		return knownly(make([]byte, 16)...)
	case expr.MetaKeyIIF, expr.MetaKeyMARK:
		return native(0)
	case expr.MetaKeyNFPROTO:
		return knownly(m.p.family())
	case expr.MetaKeyL4PROTO:
		return knownly(unix.IPPROTO_TCP)
	case expr.MetaKeyPROTOCOL:
		kind := uint16(unix.ETH_P_IP)
		if m.p.to.Is6() {
			kind = unix.ETH_P_IPV6
		}
		return knownly(binary.BigEndian.AppendUint16(nil, kind)...)
	}
	return unknown(16)
}

func (m *machine) conntrack(key expr.CtKey) value {
	switch key {
	case expr.CtKeySTATE:
		return knownly(binary.NativeEndian.AppendUint32(nil, expr.CtStateBitNEW)...)
	case expr.CtKeyMARK:
		return knownly(0, 0, 0, 0)
	case expr.CtKeyDIRECTION:
		return knownly(0)
	}
	return unknown(16)
}

func (m *machine) fib(e *expr.Fib) value {
	switch {
	case e.ResultADDRTYPE && e.FlagDADDR:
		return knownly(binary.NativeEndian.AppendUint32(nil, unix.RTN_UNICAST)...)
	case e.ResultADDRTYPE && e.FlagSADDR:
		return knownly(binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)...)
	}
	return unknown(16)
}

func (m *machine) payload(e *expr.Payload) {
	if e.OperationType == expr.PayloadWrite || e.Len > 64 || e.Offset > 1<<12 {
		return
	}
	at, n := int(e.Offset), int(e.Len)
	v := unknown(n)
	switch e.Base {
	case expr.PayloadBaseNetworkHeader:
		v = m.p.network().cut(at, n)
	case expr.PayloadBaseTransportHeader:
		v = m.p.transport().cut(at, n)
	}
	m.put(e.DestRegister, v)
	if e.Base == expr.PayloadBaseNetworkHeader && at == m.p.at() && n <= m.p.to.BitLen()/8 && word(e.DestRegister) >= 0 {
		m.dest[word(e.DestRegister)] = n * 8
	}
	if e.Base == expr.PayloadBaseTransportHeader && at == 2 && n == 2 && word(e.DestRegister) >= 0 {
		m.door[word(e.DestRegister)] = true
	}
}

// speak notes with what ports the packet's is compared, if it is that.
func (m *machine) speak(register uint32, from, to []byte) {
	if m.door[word(register)] && len(from) == 2 && len(to) == 2 {
		m.note(span{binary.BigEndian.Uint16(from), binary.BigEndian.Uint16(to)})
	}
}

func (m *machine) note(s span) {
	if len(m.ports) < mostPorts && s.from <= s.to && s != (span{to: 1<<16 - 1}) {
		m.ports[s] = true
	}
}

func (m *machine) bitwise(e *expr.Bitwise) {
	n := int(e.Len)
	if n > 64 || len(e.Mask) < n || len(e.Xor) < n {
		m.put(e.DestRegister, unknown(16))
		return
	}
	v := m.get(e.SourceRegister, n)
	bits, dest := m.dest[word(e.SourceRegister)]
	for i := range v.data {
		v.data[i] = v.data[i]&e.Mask[i] ^ e.Xor[i]
		v.known[i] = v.known[i] || e.Mask[i] == 0
	}
	m.put(e.DestRegister, v)
	if dest {
		m.dest[word(e.DestRegister)] = min(bits, leading(e.Mask[:n]))
	}
}

// leading is how many bits are set before the first that is not.
func leading(b []byte) (n int) {
	for _, c := range b {
		k := bits.LeadingZeros8(^c)
		n += k
		if k < 8 {
			break
		}
	}
	return n
}

func (m *machine) swap(e *expr.Byteorder) {
	n, size := int(e.Len), int(e.Size)
	if n > 64 || size < 1 || n%size != 0 {
		m.put(e.DestRegister, unknown(16))
		return
	}
	v := m.get(e.SourceRegister, n)
	for at := 0; at < n && binary.NativeEndian.Uint16([]byte{1, 0}) == 1; at += size {
		slices.Reverse(v.data[at : at+size])
		slices.Reverse(v.known[at : at+size])
	}
	m.put(e.DestRegister, v)
}

func (m *machine) compare(e *expr.Cmp) bool {
	got := m.get(e.Register, len(e.Data))
	switch e.Op { // a range may come in two halves
	case expr.CmpOpEq, expr.CmpOpNeq:
		m.ask(e.Register, e.Data, e.Data)
		m.speak(e.Register, e.Data, e.Data)
	case expr.CmpOpGte:
		m.low = e.Data
		m.speak(e.Register, e.Data, e.Data) // one that is as high hears the other half
	case expr.CmpOpLte:
		m.ask(e.Register, m.low, e.Data)
		m.speak(e.Register, m.low, e.Data)
	}
	if !got.whole() || len(got.data) != len(e.Data) {
		return e.Op == expr.CmpOpNeq
	}
	c := bytes.Compare(got.data, e.Data)
	switch e.Op {
	case expr.CmpOpEq:
		return c == 0
	case expr.CmpOpNeq:
		return c != 0
	case expr.CmpOpLt:
		return c < 0
	case expr.CmpOpLte:
		return c <= 0
	case expr.CmpOpGt:
		return c > 0
	case expr.CmpOpGte:
		return c >= 0
	}
	return false
}

// ask notes what the destination is compared with, if it is that: a network, or the
// first address.
func (m *machine) ask(register uint32, from, to []byte) {
	bits, ok := m.dest[word(register)]
	n := m.p.to.BitLen() / 8
	if !ok || len(from) == 0 || len(from) > n || len(to) != len(from) || len(m.asked) >= mostAsked {
		return
	}
	first, _ := netip.AddrFromSlice(append(slices.Clone(from), make([]byte, n-len(from))...))
	if !bytes.Equal(from, to) {
		same := make([]byte, len(from))
		for i := range from {
			same[i] = ^(from[i] ^ to[i])
		}
		bits = min(bits, leading(same))
		for i := bits; i < len(from)*8; i++ {
			if bit := byte(0x80) >> (i % 8); from[i/8]&bit != 0 || to[i/8]&bit == 0 {
				bits = len(from) * 8 // it is no network
				break
			}
		}
		if bits == len(from)*8 && len(from) < n {
			return
		}
	}
	m.asked[netip.PrefixFrom(first, bits).Masked()] = true
}
