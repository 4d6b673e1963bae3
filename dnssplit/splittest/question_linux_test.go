package splittest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// question is a lookup of some name, and what is to come of it.
type question struct {
	name string // as it is typed
	typ  uint16
	// owner is the name that has the answer: of ours, of the network's, or empty
	// where there is no such name.
	owner string
	// alias: the network says that it is one.
	alias bool
	// edns and dnssec are what is asked for besides, and tcp is how.
	edns, dnssec, tcp bool
	// odd: only where it goes is checked, and not what is answered.
	odd bool
}

// types that are asked for; A and AAAA are what programs ask for mostly.
var types = []uint16{
	dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeMX, dns.TypeTXT, dns.TypeSRV,
	dns.TypeNS, dns.TypeSOA, dns.TypeCAA, dns.TypeNAPTR, dns.TypeCNAME, dns.TypePTR, dns.TypeTLSA, dns.TypeSSHFP, dns.TypeDS, dns.TypeDNSKEY, dns.TypeANY, 65280,
}

// words makes labels.
func word(r *rand.Rand) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, 1+r.IntN(12))
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return "w" + string(b) // neither nx, plain nor chain
}

// cased writes a name with letters of either case.
func cased(r *rand.Rand, name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' && r.IntN(2) == 0 {
			return c - 'a' + 'A'
		}
		return c
	}, name)
}

// full draws a name that is complete, and its owner.
func full(r *rand.Rand, all bool) (name, owner string) {
	switch r.IntN(14) {
	case 0, 1, 2:
		name = hosts[r.IntN(len(hosts))]
		return name, name
	case 3, 4:
		name = word(r) + "." + domains[r.IntN(len(domains))]
		return name, name
	case 5:
		name = word(r) + "." + word(r) + "." + domains[r.IntN(len(domains))]
		return name, name
	case 6: // below a host of ours there is nothing
		return word(r) + "." + hosts[r.IntN(len(hosts))], ""
	case 7, 8:
		name = word(r) + "." + word(r) + ".test"
		return name, name
	case 9: // looks like ours, and is not
		z := zones[r.IntN(len(hosts)+len(domains))]
		name = []string{word(r) + z, z + "." + word(r) + ".test", strings.ReplaceAll(z, ".", "-") + ".test", word(r) + ".corp.example", "corp.example", "other.example"}[r.IntN(6)]
		if !exists(name) {
			return name, ""
		}
		return name, name
	case 10:
		return "nx" + word(r) + ".test", ""
	}
	n, left := r.IntN(400), r.IntN(4)
	name = fmt.Sprintf("chain-%d-%d.%s", left, n, []string{"mid.test", "up.test"}[left%2])
	owner = name
	for next(owner) != "" {
		owner = next(owner)
	}
	if all && ours(owner) {
		return name, "" // the network does not say, and it was not asked of us
	}
	return name, owner
}

// wire draws a question that a program could send by itself. all: every name
// comes to the client.
func wire(r *rand.Rand, all bool, addrs []netip.Addr) question {
	q := question{typ: types[r.IntN(len(types))]}
	switch n := r.IntN(24); n {
	case 0, 1: // an address of ours
		q.name, _ = dns.ReverseAddr(addrs[r.IntN(len(addrs))].String())
		q.typ, q.odd = dns.TypePTR, true
	case 2: // beside ours
		q.name, _ = dns.ReverseAddr(netip.AddrFrom4([4]byte{100, byte(97 + r.IntN(30)), byte(r.IntN(256)), byte(r.IntN(256))}).String())
		q.typ, q.odd = dns.TypePTR, true
	case 3: // labels that are no host's
		z := hosts[r.IntN(len(hosts))]
		q.name = []string{"_sip._tcp." + z, `wi\.ki.` + z, `\000.` + z, `*.` + z, strings.Replace(z, ".", `\.`, 1), `\229\228.` + z}[r.IntN(6)]
		q.odd = true
	default:
		q.name, q.owner = full(r, all)
	}
	// Those are answered, refused or collected, as each likes.
	q.odd = q.odd || q.typ == dns.TypeDS || q.typ == dns.TypeDNSKEY || q.typ == dns.TypeANY
	q.alias = next(q.name) != ""
	q.name, q.tcp = dns.Fqdn(cased(r, q.name)), r.IntN(32) == 0
	q.edns, q.dnssec = r.IntN(4) == 0, r.IntN(8) == 0
	return q
}

// typed draws a name as a user writes it: without the last dot or with it, or
// without a domain, for the search list to find.
func typed(r *rand.Rand, all bool) question {
	q := question{typ: dns.TypeA}
	switch r.IntN(10) {
	case 0:
		q.name = "plain" + word(r)
		q.owner = q.name + ".office.test"
	case 1:
		if all { // its search list has the company's domain, too
			q.name, q.owner = "wiki", "wiki.corp.example"
		} else {
			q.name, q.owner = "wiki.corp.example", "wiki.corp.example"
		}
	case 2: // part of a name, which a search list completes
		if all {
			q.name = "nx" + word(r) + ".lab"
			q.owner = q.name + ".corp.example"
		} else {
			q.name = "nx" + word(r) + ".test"
		}
	default:
		q.name, q.owner = full(r, all)
		if r.IntN(3) == 0 {
			q.name += "."
		}
	}
	q.name = cased(r, q.name)
	return q
}
