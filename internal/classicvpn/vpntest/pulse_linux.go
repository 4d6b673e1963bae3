package vpntest

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/internal/netlab"
	"github.com/tidegate/tidegate/internal/rebind"
)

// PulseOptions are what a Pulse server is to be like.
type PulseOptions struct {
	// Space is where it runs, and Address, which is to be there, where it listens.
	Space   *netlab.Space
	Address netip.Addr
	// Realms of which everybody is to choose one.
	Realms []string
	// UserLabel and PasswordLabel are what it asks for; empty: it leaves it to the client.
	UserLabel, PasswordLabel string
	// Code, unless empty, is asked for after the password, as CodePrompt says.
	Code, CodePrompt string
	// HostChecker has it want the client's machine checked.
	HostChecker bool
	// Riddle has it ask what no client knows.
	Riddle bool
	// Full leads everything through the VPN; otherwise it is the office alone.
	Full bool
	// IPv6 is in it, too.
	IPv6 bool
}

// Pulse is a server that speaks what Ivanti Connect Secure does: sign-in by user and
// password, and packets over TLS. It has no ESP.
type Pulse struct {
	*Office
	// Certificate is what it shows.
	Certificate *Certificate

	t    testing.TB
	o    PulseOptions
	link *link

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]struct{}
	sessions map[string]*session // by cookie
	last     int                 // so many there have been
	refused  int
	wg       sync.WaitGroup
}

// session is a user who has signed in.
type session struct {
	user      string
	addresses []netip.Addr
}

// StartPulse starts one, until the test ends.
func StartPulse(t testing.TB, o PulseOptions) *Pulse {
	t.Helper()
	s := &Pulse{Office: NewOffice(t, o.Space), t: t, o: o, conns: map[net.Conn]struct{}{}, sessions: map[string]*session{}}
	var err error
	if s.link, err = newLink(o.Space); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.link.Close)
	t.Cleanup(s.Crash)
	s.Recertify()
	return s
}

// Address is what a client is given.
func (s *Pulse) Address() string { return s.o.Address.String() }

// Recertify has the server show another certificate, with another key: it is started
// anew, and every session of before has ended.
func (s *Pulse) Recertify() {
	s.t.Helper()
	s.Crash()
	var err error
	if s.Certificate, err = NewCertificate(s.o.Address); err != nil {
		s.t.Fatal(err)
	}
	s.Start()
}

// Start starts it after Crash. It knows nothing of the sessions of before.
func (s *Pulse) Start() {
	s.t.Helper()
	var l net.Listener
	err := s.o.Space.Do(func() error {
		return rebind.Do(func() (err error) {
			l, err = net.Listen("tcp", netip.AddrPortFrom(s.o.Address, 443).String())
			return err
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	// A frame is to be one record.
	conf := &tls.Config{Certificates: []tls.Certificate{s.Certificate.Certificate}, DynamicRecordSizingDisabled: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = l
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it is closed
			}
			s.mu.Lock()
			if s.listener != l {
				s.mu.Unlock()
				c.Close()
				return
			}
			s.conns[c] = struct{}{}
			s.wg.Go(func() {
				s.serve(tls.Server(c, conf))
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.conns, c)
			})
			s.mu.Unlock()
		}
	})
}

// Crash ends it without a word to anybody.
func (s *Pulse) Crash() {
	s.mu.Lock()
	if s.listener != nil {
		s.listener.Close()
		s.listener = nil
	}
	for c := range s.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	clear(s.sessions)
	s.mu.Unlock()
	s.wg.Wait()
}

// Drop cuts every connection, as a network does; the sessions are still good.
func (s *Pulse) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// Kick ends a user's sessions by the server's administrator.
func (s *Pulse) Kick(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cookie, old := range s.sessions {
		if old.user == user {
			delete(s.sessions, cookie)
			for _, a := range old.addresses {
				if c := s.link.forget(a); c != nil {
					c.Close()
				}
			}
		}
	}
}

// Connected is how many clients it carries packets for.
func (s *Pulse) Connected() int { return s.link.count() }

// Sessions is how many users are signed in.
func (s *Pulse) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Refused is how many passwords and codes were wrong.
func (s *Pulse) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *Pulse) serve(c *tls.Conn) {
	defer c.Close()
	w := &wire{Conn: c, in: bufio.NewReader(c)}
	r, err := http.ReadRequest(w.in)
	if err != nil {
		return
	}
	if r.Header.Get("Upgrade") != "IF-T/TLS 1.0" {
		fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return
	}
	if _, err := fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nContent-Type: application/octet-stream\r\nUpgrade: IF-T/TLS 1.0\r\nConnection: Upgrade\r\n\r\n"); err != nil {
		return
	}
	cookie, err := s.signIn(w)
	if err != nil {
		return // the client has gone, or has been told
	}
	if s.carry(w, cookie) == errLogoff {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, cookie)
	}
}

// admit begins a session.
func (s *Pulse) admit(user string) (cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	n := &session{user: user, addresses: []netip.Addr{nth(Clients4, s.last)}}
	if s.o.IPv6 {
		n.addresses = append(n.addresses, nth(Clients6, s.last))
	}
	cookie = rand.Text()
	s.sessions[cookie] = n
	return cookie
}

// nth is an address of a network, after the server's own.
func nth(p netip.Prefix, n int) netip.Addr {
	b := p.Addr().AsSlice()
	b[len(b)-1] = byte(n + 9)
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (s *Pulse) session(cookie string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[cookie]
}

var errLogoff = errors.New("the user has logged off")

// carry gives the client what it is to have, and carries its packets.
func (s *Pulse) carry(w *wire, cookie string) error {
	n := s.session(cookie)
	if n == nil {
		return net.ErrClosed // kicked by now
	}
	g := given{servers: []netip.Addr{DNS4}, domains: Domain, mtu: 1400}
	for _, a := range n.addresses {
		g.addresses = append(g.addresses, netip.PrefixFrom(a, a.BitLen()))
	}
	if s.o.IPv6 {
		g.servers = append(g.servers, DNS6)
	}
	if !s.o.Full {
		g.routes = []netip.Prefix{Clients4, Office4}
		if s.o.IPv6 {
			g.routes = append(g.routes, Office6)
		}
	}
	for _, f := range []frame{{vendorJuniper, juniperConfig, g.append(nil)}, {vendorJuniper, juniperConfigEnd, make([]byte, 4)}} {
		if err := w.send(f); err != nil {
			return err
		}
	}
	for _, a := range n.addresses {
		s.link.add(a, w)
		defer s.link.remove(a, w)
	}
	if s.session(cookie) == nil {
		return net.ErrClosed
	}
	for {
		f, err := readFrame(w.in)
		switch {
		case err != nil:
			return err
		case f.vendor != vendorJuniper:
		case f.kind == juniperLogoff:
			return errLogoff
		case f.kind == juniperData:
			s.link.send(f.payload)
		}
	}
}

// wire is a connection, on which frames are sent by anybody and read by one.
type wire struct {
	net.Conn
	in     *bufio.Reader
	mu     sync.Mutex
	number uint32
}

func (w *wire) send(f frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := f.append(nil, w.number)
	w.number++
	_, err := w.Conn.Write(b)
	return err
}
