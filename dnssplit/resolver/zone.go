package resolver

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

const (
	ttlOurs    = 30 // seconds, of an answer of ours
	ttlNothing = 5  // seconds, for which there is nothing
)

// canary is a name that browsers ask for before they resolve names elsewhere than
// the system says, which they do not where it does not exist.
const canary = "use-application-dns.net"

// designated is below which clients ask for encrypted resolvers to use in the
// place of this one (RFC 9462). It is always answered by whoever is asked.
const designated = "resolver.arpa"

// Special names, where all names come to us: to whoever went elsewhere, ours
// would not exist.
func special(host string) (code rcode, ok bool) {
	switch {
	case host == canary:
		return nxDomain, true
	case host == designated || strings.HasSuffix(host, "."+designated):
		return success, true
	}
	return success, false
}

// ours appends the answer to a lookup of a host that is ours.
func (r *Resolver) ours(b []byte, q *query, host string) []byte {
	switch {
	case q.version != 0:
		return q.appendError(b, badVers)
	case q.class != classIN:
		return q.appendError(b, refused)
	}
	var addrs [2]netip.Addr
	known := !isHost(host)
	switch {
	case known:
	case q.typ == typeA || q.typ == typeAAAA || q.typ == typeANY:
		addrs, known = r.o.Zone.Answer(host)
		if known && !addrs[0].IsValid() && !addrs[1].IsValid() {
			return q.appendError(b, servFail)
		}
		known = known || r.o.Zone.Exists(host)
	default: // gives no address to a name that is not asked for one
		known = r.o.Zone.Exists(host)
	}
	six := q.typ == typeAAAA || q.typ == typeANY
	if six && r.o.IPv6 != nil {
		six = r.o.IPv6()
	}
	b = q.appendReply(b, success)
	b[2] |= bitAA
	if a := addrs[0]; a.Is4() && (q.typ == typeA || q.typ == typeANY) {
		four := a.As4()
		b = appendRecord(b, typeA, four[:])
	}
	if a := addrs[1]; a.Is6() && six {
		sixteen := a.As16()
		b = appendRecord(b, typeAAAA, sixteen[:])
	}
	if b[7] != 0 {
		return q.appendOPT(b, success)
	}
	apex := r.apex(host)
	if !known && host != apex {
		b[3] |= byte(nxDomain)
	}
	return q.appendOPT(q.appendSOA(b, host, apex), success)
}

// apex is the zone of ours that a host is in: the shortest suffix that is ours.
func (r *Resolver) apex(host string) string {
	apex := host
	for suffix := host; suffix != ""; {
		_, suffix, _ = strings.Cut(suffix, ".")
		if suffix != "" && r.o.Zone.Below(suffix) {
			apex = suffix
		}
	}
	return apex
}

// isHost says whether a name may be that of a machine: those with a label that
// begins with an underscore are not (RFC 8552), nor those with other characters.
func isHost(name string) bool {
	return name != "" && name[0] != '_' && !strings.Contains(name, "._") && !strings.Contains(name, `\`)
}

// reverse appends the answer to a lookup below one of the zones of our addresses.
func (r *Resolver) reverse(b []byte, q *query, host, zone string) []byte {
	switch {
	case q.version != 0:
		return q.appendError(b, badVers)
	case q.class != classIN:
		return q.appendError(b, refused)
	}
	b = q.appendReply(b, success)
	b[2] |= bitAA
	network, ok := Network(host)
	if !network.IsSingleIP() {
		if !ok {
			b[3] |= byte(nxDomain)
		}
		return q.appendOPT(q.appendSOA(b, host, zone), success)
	}
	name, ok := r.o.Zone.Host(network.Addr())
	if ok && (q.typ == typePTR || q.typ == typeANY) {
		var sent [nameMax]byte
		if packed, ok := appendName(sent[:0], name); ok {
			return q.appendOPT(appendRecord(b, typePTR, packed), success)
		}
	}
	if !ok {
		b[3] |= byte(nxDomain)
	}
	return q.appendOPT(q.appendSOA(b, host, zone), success)
}

// reverseZone is the zone of our addresses that a host is in; empty: none.
func (r *Resolver) reverseZone(host string) string {
	if !strings.HasSuffix(host, ".arpa") {
		return ""
	}
	for _, zone := range r.o.Zone.Reverse() {
		if host == zone || strings.HasSuffix(host, "."+zone) {
			return zone
		}
	}
	return ""
}

// Network is that of the addresses whose names are in a zone, or of the one address
// that a name of such a zone stands for. The zone is in lower case and without the
// last dot.
func Network(zone string) (p netip.Prefix, ok bool) {
	labels := 0
	if s, ok := strings.CutSuffix(zone, ".in-addr.arpa"); ok {
		var four [4]byte
		for ; s != ""; labels++ {
			i := strings.LastIndexByte(s, '.')
			n, ok := octet(s[i+1:])
			if !ok || labels == 4 {
				return p, false
			}
			four[labels] = n
			s = s[:max(i, 0)]
		}
		return netip.PrefixFrom(netip.AddrFrom4(four), 8*labels), true
	}
	s, ok := strings.CutSuffix(zone, ".ip6.arpa")
	var sixteen [16]byte
	for ; ok && s != ""; labels++ {
		i := strings.LastIndexByte(s, '.')
		n := strings.IndexByte("0123456789abcdef", s[len(s)-1])
		if len(s)-i != 2 || n < 0 || labels == 32 {
			return p, false
		}
		sixteen[labels/2] |= byte(n) << (4 * (1 - labels%2))
		s = s[:max(i, 0)]
	}
	return netip.PrefixFrom(netip.AddrFrom16(sixteen), 4*labels), ok
}

// octet reads a number of an address as it is written: without leading zeros.
func octet(s string) (n byte, ok bool) {
	if len(s) == 0 || len(s) > 3 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	sum := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		sum = 10*sum + int(s[i]-'0')
	}
	return byte(sum), sum < 256
}

// appendRecord appends a record of the name that was asked to an answer that
// begins at b[0], and counts it.
func appendRecord(b []byte, typ byte, body []byte) []byte {
	b[7]++
	b = append(b, 0xc0, headerLen, 0, typ, 0, classIN, 0, 0, 0, ttlOurs)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

// appendSOA appends the record that says for how long there is nothing (RFC 2308)
// to an answer that begins at b[0]. The apex is a suffix of the host.
func (q *query) appendSOA(b []byte, host, apex string) []byte {
	b[9]++
	at := headerLen
	for n := strings.Count(host, ".") - strings.Count(apex, "."); n > 0; n-- {
		at += 1 + int(b[at])
	}
	hi, lo := 0xc0|byte(at>>8), byte(at)
	b = append(b, hi, lo, 0, typeSOA, 0, classIN, 0, 0, 0, ttlNothing, 0, 35)
	b = append(b, hi, lo) // where it comes from: the zone itself
	b = append(b, 10)
	b = append(b, "hostmaster"...)
	b = append(b, hi, lo)
	for _, n := range [...]uint32{1, 3600, 600, 86400, ttlNothing} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}
