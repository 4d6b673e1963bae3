package resolvedtest

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"

	"github.com/tidegate/tidegate/internal/netlab"
)

// Side is a network that the machine is in, with a name server.
type Side struct {
	// Name and Index are those of the machine's link.
	Name  string
	Index int
	// Space is what is at the other end.
	Space *netlab.Space
	// Server is the name server's address, at port 53, and the gateway's.
	Server netip.Addr
	// Answer is what it says to every question for an A record.
	Answer netip.Addr

	domains []string
	wire    *Sniffer
	mu      sync.Mutex
	asked   []string
	seen    []string
	answers dns.HandlerFunc
}

// AddVPN has a classic VPN come up, whose server wants to be asked for domains
// (see SetDomains).
func (s *System) AddVPN(name string, domains ...string) *Side {
	s.t.Helper()
	s.mu.Lock()
	s.vpns++
	n := s.vpns
	s.mu.Unlock()
	side := s.attach(name, byte(60+n))
	side.domains = domains
	s.configure(side)
	return side
}

// RemoveVPN has it go again, with its link.
func (s *System) RemoveVPN(side *Side) {
	s.t.Helper()
	s.mu.Lock()
	s.sides = slices.DeleteFunc(s.sides, func(o *Side) bool { return o == side })
	s.mu.Unlock()
	err := s.Space.Do(func() error {
		l, err := netlink.LinkByName(side.Name)
		if err != nil {
			return err
		}
		return netlink.LinkDel(l)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// attach joins the machine to a new network, 10.net.0.0/24.
func (s *System) attach(name string, net byte) *Side {
	s.t.Helper()
	far, err := netlab.NewSpace()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { far.Close() })
	side := &Side{
		Name: name, Space: far,
		Server: netip.AddrFrom4([4]byte{10, net, 0, 1}),
		Answer: netip.AddrFrom4([4]byte{203, 0, 113, net}),
	}
	err = netlab.Connect(
		netlab.Wire{Space: s.Space, Name: name, Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, net, 0, 2}), 24)},
		netlab.Wire{Space: far, Name: "far", Address: netip.PrefixFrom(side.Server, 24)})
	if err != nil {
		s.t.Fatal(err)
	}
	if side.Index, err = index(s.Space, name); err != nil {
		s.t.Fatal(err)
	}
	if side.wire, err = Sniff(far.Do, "far", side.see); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(side.wire.Close)
	if err := Serve(s.t, far.Do, netip.AddrPortFrom(side.Server, 53), side.answer); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sides = append(s.sides, side)
	return side
}

// Serve has a name server answer in the network that do runs things in, by UDP
// and TCP, until the test ends.
func Serve(t interface{ Cleanup(func()) }, do func(func() error) error, at netip.AddrPort, answer dns.HandlerFunc) error {
	udp := &dns.Server{Handler: answer}
	tcp := &dns.Server{Handler: answer}
	err := do(func() (err error) {
		if udp.PacketConn, err = net.ListenPacket("udp", at.String()); err != nil {
			return err
		}
		if tcp.Listener, err = net.Listen("tcp", at.String()); err != nil {
			udp.PacketConn.Close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("serve names at %s: %w", at, err)
	}
	for _, s := range []*dns.Server{udp, tcp} {
		up, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() {
			defer close(ended)
			s.ActivateAndServe() // until Shutdown
		}()
		<-up
		t.Cleanup(func() {
			s.Shutdown()
			<-ended
		})
	}
	return nil
}

// Answers has the server answer otherwise; nil: with Answer again.
func (side *Side) Answers(f dns.HandlerFunc) {
	side.mu.Lock()
	defer side.mu.Unlock()
	side.answers = f
}

func (side *Side) answer(w dns.ResponseWriter, m *dns.Msg) {
	side.mu.Lock()
	for _, q := range m.Question {
		side.asked = append(side.asked, canonical(q.Name))
	}
	f := side.answers
	side.mu.Unlock()
	if f == nil {
		f = Always(side.Answer)
	}
	f(w, m)
}

// Always answers every question for an A record with one address.
func Always(a netip.Addr) dns.HandlerFunc {
	return func(w dns.ResponseWriter, m *dns.Msg) {
		r := new(dns.Msg).SetReply(m)
		r.RecursionAvailable = true
		if q := m.Question[0]; q.Qtype == dns.TypeA {
			r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: a.AsSlice()}}
		}
		w.WriteMsg(r) // who asked has gone, if it fails
	}
}

func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// Asked are the names that the server was asked for, in order, in lower case and
// without the last dot.
func (side *Side) Asked() []string {
	side.mu.Lock()
	defer side.mu.Unlock()
	return slices.Clone(side.asked)
}

func (side *Side) see(p Packet) {
	names := Questions(p.Data)
	side.mu.Lock()
	defer side.mu.Unlock()
	side.seen = append(side.seen, names...)
}

// Seen are the names of all questions on the wire, whoever was asked and by
// whichever protocol: DNS by UDP and TCP, LLMNR, mDNS.
func (side *Side) Seen() []string {
	side.wire.Catch()
	side.mu.Lock()
	defer side.mu.Unlock()
	return slices.Clone(side.seen)
}

// Leaked are those of Seen that are zone or below it.
func (side *Side) Leaked(zone string) (names []string) {
	for _, n := range side.Seen() {
		if n == zone || strings.HasSuffix(n, "."+zone) {
			names = append(names, n)
		}
	}
	return names
}
