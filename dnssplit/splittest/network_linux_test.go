package splittest

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// network is the name server of the physical side, which knows every name: those
// that begin with nx and those of corp.example do not exist, those of office.test
// only where they begin with plain, and those that begin with chain are aliases.
type network struct{}

// leaked is its answer to what it is not to be asked.
var leaked = netip.MustParseAddr("198.51.100.66")

// address is what it answers for a name that is in lower case and without the last dot.
func address(name string) netip.Addr {
	h := fnv.New32a()
	h.Write([]byte(name))
	n := h.Sum32()
	return netip.AddrFrom4([4]byte{198, 18 | byte(n>>16&1), byte(n >> 8), byte(n)})
}

// exists says whether the network has a name.
func exists(name string) bool {
	return !strings.HasPrefix(name, "nx") && name != "corp.example" && !strings.HasSuffix(name, ".corp.example") && (!strings.HasSuffix(name, ".office.test") || strings.HasPrefix(name, "plain"))
}

// next is what a name is an alias of: chain-LEFT-NUMBER in the one zone leads to
// the next in the other, and at last out of both: with an odd number to a name of
// ours. Empty: it is none.
func next(name string) string {
	label, zone, _ := strings.Cut(name, ".")
	f := strings.Split(label, "-")
	if len(f) != 3 || f[0] != "chain" || zone != "up.test" && zone != "mid.test" {
		return ""
	}
	left, _ := strconv.Atoi(f[1])
	n, _ := strconv.Atoi(f[2])
	switch {
	case left > 0:
		return fmt.Sprintf("chain-%d-%d.%s", left-1, n, []string{"up.test", "mid.test"}[left%2])
	case n%2 == 1:
		return hosts[n/2%len(hosts)]
	}
	return fmt.Sprintf("end-%d.up.test", n)
}

func (n *network) answer(w dns.ResponseWriter, m *dns.Msg) {
	w.WriteMsg(n.reply(m)) // who asked has gone, if it fails
}

func (*network) reply(m *dns.Msg) *dns.Msg {
	r := new(dns.Msg).SetReply(m)
	r.RecursionAvailable = true
	q := m.Question[0]
	owner, name := q.Name, canonical(q.Name)
	soa := &dns.SOA{Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 5}, Ns: "ns.test.", Mbox: "root.test.", Minttl: 5}
	for q.Qtype != dns.TypeCNAME && next(name) != "" {
		to := next(name)
		r.Answer = append(r.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 30}, Target: dns.Fqdn(to)})
		owner, name = dns.Fqdn(to), to
	}
	hdr := dns.RR_Header{Name: owner, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 30}
	switch {
	case len(r.Answer) > 0 && ours(name): // an alias of ours: the rest is not for us to say
	case ours(name) && q.Qtype == dns.TypeA:
		r.Answer = append(r.Answer, &dns.A{Hdr: hdr, A: leaked.AsSlice()})
	case !exists(name):
		r.Rcode, r.Ns = dns.RcodeNameError, []dns.RR{soa}
	case q.Qtype == dns.TypeA:
		r.Answer = append(r.Answer, &dns.A{Hdr: hdr, A: address(name).AsSlice()})
	case q.Qtype == dns.TypeTXT:
		r.Answer = append(r.Answer, &dns.TXT{Hdr: hdr, Txt: []string{name}})
	case q.Qtype == dns.TypePTR:
		r.Answer = append(r.Answer, &dns.PTR{Hdr: hdr, Ptr: "host.test."})
	default:
		r.Ns = []dns.RR{soa}
	}
	return r
}

func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }
