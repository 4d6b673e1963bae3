package vpntest

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/netlab"
)

// Domain is the office's: every name in it is at its web server.
const Domain = "corp.test"

// Where things are behind a VPN's server.
var (
	Office4 = netip.MustParsePrefix("10.77.0.0/16")
	Office6 = netip.MustParsePrefix("fd77:7::/64")
	DNS4    = netip.MustParseAddr("10.77.0.53")
	DNS6    = netip.MustParseAddr("fd77:7::53")
	Web4    = netip.MustParseAddr("10.77.0.80")
	Web6    = netip.MustParseAddr("fd77:7::80")
	// World4 and World6 are a web server of the internet's, as it is reached from the
	// office. The office's name server has every name that is not its own there.
	World4 = netip.MustParseAddr("203.0.113.80")
	World6 = netip.MustParseAddr("2001:db8:77::80")
)

// The addresses of those who come by the VPN.
var (
	Clients4 = netip.MustParsePrefix("192.168.99.0/24")
	Clients6 = netip.MustParsePrefix("fd99:9::/64")
)

// Office is the network behind a VPN's server: its name server knows Domain, and
// its web server says "office" and who has come, or "world" where that was asked.
type Office struct {
	Space *netlab.Space
	mu    sync.Mutex
	asked []string
}

// NewOffice makes one behind a server's network, until the test ends.
func NewOffice(t testing.TB, server *netlab.Space) *Office {
	t.Helper()
	o := &Office{Space: newSpace(t)}
	gate4, gate6 := netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("fd77:7::1")
	err := netlab.Connect(
		netlab.Wire{Space: server, Name: "office", Address: netip.PrefixFrom(gate4, Office4.Bits())},
		netlab.Wire{Space: o.Space, Name: "gate", Address: netip.PrefixFrom(DNS4, Office4.Bits())})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return o.Space.Sysctl("ipv6/ip_nonlocal_bind", "1") }, // an address comes to be in the kernel's own time
		func() error { return server.Sysctl("ipv4/ip_forward", "1") },
		func() error { return server.Sysctl("ipv6/conf/all/forwarding", "1") },
		func() error { return server.Sysctl("ipv6/conf/office/accept_dad", "0") },
		func() error { return server.Address("office", netip.PrefixFrom(gate6, Office6.Bits()), true) },
		func() error { return o.Space.Address("gate", netip.PrefixFrom(Web4, Office4.Bits()), true) },
		func() error { return o.Space.Address("gate", netip.PrefixFrom(DNS6, Office6.Bits()), true) },
		func() error { return o.Space.Address("gate", netip.PrefixFrom(Web6, Office6.Bits()), true) },
		func() error { return o.Space.Address("lo", netip.PrefixFrom(World4, 32), true) },
		func() error { return o.Space.Address("lo", netip.PrefixFrom(World6, 128), true) },
		func() error { return o.Space.Route(netip.Prefix{}, gate4, "gate") },
		func() error { return o.Space.Route(Clients6, gate6, "gate") },
		func() error { return server.Route(netip.PrefixFrom(World4, 32), DNS4, "office") },
		func() error { return server.Route(netip.PrefixFrom(World6, 128), DNS6, "office") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []netip.Addr{DNS4, DNS6} {
		if err := resolvedtest.Serve(t, o.Space.Do, netip.AddrPortFrom(a, 53), o.answer); err != nil {
			t.Fatal(err)
		}
	}
	for a, says := range map[netip.Addr]string{Web4: "office", Web6: "office", World4: "world", World6: "world"} {
		var l net.Listener
		err := o.Space.Do(func() (err error) { l, err = net.Listen("tcp", netip.AddrPortFrom(a, 80).String()); return err })
		if err != nil {
			t.Fatal(err)
		}
		resolvedtest.ServeWeb(t, l, page(says))
	}
	return o
}

// page is a web page: who is there, and who has come.
func page(says string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%s %s\n", says, from.Addr())
	})
}

func (o *Office) answer(w dns.ResponseWriter, m *dns.Msg) {
	q := m.Question[0]
	name := strings.TrimSuffix(strings.ToLower(q.Name), ".")
	o.mu.Lock()
	o.asked = append(o.asked, name)
	o.mu.Unlock()
	a4, a6 := World4, World6
	if name == Domain || strings.HasSuffix(name, "."+Domain) {
		a4, a6 = Web4, Web6
	}
	r := new(dns.Msg).SetReply(m)
	r.RecursionAvailable = true
	hdr := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}
	switch q.Qtype {
	case dns.TypeA:
		r.Answer = []dns.RR{&dns.A{Hdr: hdr, A: a4.AsSlice()}}
	case dns.TypeAAAA:
		r.Answer = []dns.RR{&dns.AAAA{Hdr: hdr, AAAA: a6.AsSlice()}}
	}
	w.WriteMsg(r) // who asked has gone, if it fails
}

// Asked are the names that the name server was asked for, in order, in lower case
// and without the last dot.
func (o *Office) Asked() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.asked)
}
