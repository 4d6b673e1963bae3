package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// tap is a client's socket that keeps what is sent, and may keep it back. It
// hears nothing until it is told to.
type tap struct {
	*net.UDPConn
	mute    atomic.Bool
	hearing chan struct{} // closed when it may hear

	mu   sync.Mutex
	sent [][]byte
}

func newTap(t *testing.T) *tap {
	t.Helper()
	t.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") // it is hidden from QUIC that this is one of the system's
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &tap{UDPConn: c, hearing: make(chan struct{})}
}

// WriteTo implements net.PacketConn.
func (p *tap) WriteTo(b []byte, to net.Addr) (int, error) {
	p.mu.Lock()
	p.sent = append(p.sent, bytes.Clone(b))
	p.mu.Unlock()
	if p.mute.Load() {
		return len(b), nil
	}
	return p.UDPConn.WriteTo(b, to)
}

// ReadFrom implements net.PacketConn.
func (p *tap) ReadFrom(b []byte) (int, net.Addr, error) {
	<-p.hearing
	return p.UDPConn.ReadFrom(b)
}

// plain hides what else a UDPConn can: every packet comes by WriteTo.
type plain struct{ net.PacketConn }

func (p *tap) flight() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// resumer is a client that keeps its tickets.
type resumer struct {
	t     *testing.T
	conf  *tls.Config
	to    net.Addr
	cache *tickets
}

// tickets is a session cache that tells when a ticket has come.
type tickets struct {
	tls.ClientSessionCache
	came chan struct{}
}

func (k *tickets) Put(key string, s *tls.ClientSessionState) {
	k.ClientSessionCache.Put(key, s)
	if s != nil {
		select {
		case k.came <- struct{}{}:
		default:
		}
	}
}

func (s *site) resumer(t *testing.T, to net.Addr) *resumer {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority.ca)
	cache := &tickets{tls.NewLRUClientSessionCache(4), make(chan struct{}, 1)}
	return &resumer{t: t, to: to, cache: cache, conf: &tls.Config{RootCAs: pool, ServerName: "gateway.test", NextProtos: []string{"h3"}, Certificates: []tls.Certificate{s.device.cert}, ClientSessionCache: cache}}
}

// dial begins a connection and does not wait for its handshake. Its requests are
// as h3Foreign makes them. What early does comes before anything is heard of the
// gateway: quic-go opens streams without a lock on what that changes. Without a
// ticket there is nothing early, and dial does wait.
func (r *resumer) dial(p *tap, early func(*h3Foreign)) *h3Foreign {
	r.t.Helper()
	hear := sync.OnceFunc(func() { close(p.hearing) })
	defer hear()
	if early == nil {
		hear()
	}
	conn, err := quic.DialEarly(r.t.Context(), plain{p}, r.to, r.conf, &quic.Config{})
	if err != nil {
		r.t.Fatal(err)
	}
	c := &h3Foreign{t: r.t, conn: conn}
	control, err := conn.OpenUniStream()
	if err != nil {
		r.t.Fatal(err)
	}
	control.Write(quicvarint.Append(quicvarint.Append(quicvarint.Append(nil, 0), 4), 0))
	if early != nil {
		early(c)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			s, err := conn.AcceptUniStream(context.Background())
			if err != nil {
				return
			}
			go io.Copy(io.Discard, s)
		}
	}()
	r.t.Cleanup(func() { conn.CloseWithError(0x100, ""); <-done })
	return c
}

// ticket makes a connection for its ticket alone.
func (r *resumer) ticket() {
	r.t.Helper()
	c := r.dial(newTap(r.t), nil)
	select {
	case <-r.cache.came:
	case <-time.After(20 * time.Second):
		r.t.Fatal("no ticket came")
	}
	c.conn.CloseWithError(0x100, "")
}

// witness counts what reaches the application, and what is recorded of flows.
type witness struct {
	*site
	ledger *ledger
	conns  atomic.Int64
	heard  chan string
}

func newWitness(t *testing.T) *witness {
	w := &witness{heard: make(chan string, 64), ledger: &ledger{}}
	w.ledger.mu.Lock() // the gateway asks before the authority is known
	defer w.ledger.mu.Unlock()
	w.site = newSite(t, func(c *net.TCPConn) {
		w.conns.Add(1)
		for buf := make([]byte, 1024); ; {
			n, err := c.Read(buf)
			if n > 0 {
				w.heard <- string(buf[:n])
				c.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}, func(o *Options) { o.Uplink = w.ledger })
	w.ledger.authority = w.site.authority
	return w
}

// state is how many connections the application saw and how many records of
// flows there are.
func (w *witness) state() (conns, records int) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	for _, r := range w.ledger.records {
		if r.Kind == "flow-opened" || r.Kind == "flow-denied" || r.Kind == "session-added" {
			records++
		}
	}
	return int(w.conns.Load()), records
}

// replay sends datagrams from a socket of somebody else's, and gives the gateway
// time to make something of them.
func replay(t *testing.T, flight [][]byte, to net.Addr) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		for _, b := range flight {
			c.WriteTo(b, to)
			time.Sleep(time.Millisecond)
		}
	}
	c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	for buf := make([]byte, 2048); ; { // whatever it answers
		if _, err := c.Read(buf); err != nil {
			break
		}
	}
	time.Sleep(2 * auditGather)
}

// TestReplayedFirstFlight: what was recorded of a resumed connection has no effect
// when it is sent again, be it while that connection is open, after it has been
// closed or to a gateway that was restarted.
func TestReplayedFirstFlight(t *testing.T) {
	w := newWitness(t)
	r := w.resumer(t, w.g.Addr())
	r.ticket()
	p := newTap(t)
	var str *h3Request
	c := r.dial(p, func(c *h3Foreign) {
		str = c.connect(w.app, "proxy-authorization", w.ticket().bearer())
		io.WriteString(str, "early")
	})
	if status, _ := str.answer(t); status != 200 {
		t.Fatalf("answered %d", status)
	}
	if got := <-w.heard; got != "early" {
		t.Fatalf("the application heard %q", got)
	}
	<-c.conn.HandshakeComplete()
	if !c.conn.ConnectionState().Used0RTT {
		t.Fatal("0-RTT was not used")
	}
	flight := p.flight()
	conns, records := w.state()
	for end := time.Now().Add(20 * time.Second); conns != 1 || records != 2; conns, records = w.state() {
		if time.Now().After(end) {
			t.Fatalf("%d connections and %d records", conns, records)
		}
		time.Sleep(auditGather)
	}
	unchanged := func(when string) {
		t.Helper()
		if c, r := w.state(); c != conns || r != records || len(w.heard) > 0 {
			t.Errorf("replayed %s: %d connections, %d records, %d messages", when, c-conns, r-records, len(w.heard))
		}
	}
	replay(t, flight, w.g.Addr())
	unchanged("while the connection was open")
	c.conn.CloseWithError(0x100, "")
	for len(w.g.registry.all()) > 0 {
		time.Sleep(time.Millisecond)
	}
	replay(t, flight, w.g.Addr())
	unchanged("after it was closed")

	again := start(t, Options{Config: Config{State: w.g.config.State, Hosts: w.g.config.Hosts}, Uplink: w.ledger})
	replay(t, flight, again.Addr())
	unchanged("after a restart")
	if n := len(again.registry.all()); n != 0 {
		t.Errorf("%d sessions", n)
	}
	// The client itself falls back to a handshake there, and is served.
	r.to = again.Addr()
	c = r.dial(newTap(t), nil)
	<-c.conn.HandshakeComplete()
	if c.conn.ConnectionState().Used0RTT {
		t.Error("a ticket outlived its gateway")
	}
}

// TestSuppressedFirstFlight: who keeps a first flight back and sends it himself,
// twice, has it take effect once; and not at all where the policy holds early
// payload, for he cannot complete the handshake.
func TestSuppressedFirstFlight(t *testing.T) {
	for _, hold := range []bool{false, true} {
		w := newWitness(t)
		r := w.resumer(t, w.g.Addr())
		r.ticket()
		p := newTap(t)
		p.mute.Store(true)
		k := w.ticket()
		k.entitlements[0].Actions[0].HoldEarly = hold
		r.dial(p, func(c *h3Foreign) {
			io.WriteString(c.connect(w.app, "proxy-authorization", k.bearer()), "early")
		})
		for end := time.Now().Add(20 * time.Second); len(p.flight()) < 3; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("nothing was sent early")
			}
		}
		// The client repeats itself while nobody answers, so that all comes at last.
		for n, end := 0, time.Now().Add(30*time.Second); n < 3 && time.Now().Before(end); {
			replay(t, p.flight(), w.g.Addr())
			if conns, _ := w.state(); conns > 0 || hold {
				n++
			}
		}
		conns, _ := w.state()
		if want := map[bool]int{true: 0, false: 1}[hold]; conns != want {
			t.Errorf("hold %v: %d connections to the application", hold, conns)
		}
	}
}

// TestHeldEarlyPayload: it arrives once the handshake is complete.
func TestHeldEarlyPayload(t *testing.T) {
	w := newWitness(t)
	r := w.resumer(t, w.g.Addr())
	r.ticket()
	k := w.ticket()
	k.entitlements[0].Actions[0].HoldEarly = true
	var str *h3Request
	c := r.dial(newTap(t), func(c *h3Foreign) {
		str = c.connect(w.app, "proxy-authorization", k.bearer())
		io.WriteString(str, "early")
	})
	if status, _ := str.answer(t); status != 200 {
		t.Fatalf("answered %d", status)
	}
	if got := <-w.heard; got != "early" {
		t.Errorf("the application heard %q", got)
	}
	if !c.conn.ConnectionState().Used0RTT {
		t.Error("0-RTT was not used")
	}
}

// TestTicketsAreGoodOnce: the second connection with a ticket is resumed without
// 0-RTT.
func TestTicketsAreGoodOnce(t *testing.T) {
	w := newWitness(t)
	r := w.resumer(t, w.g.Addr())
	r.ticket()
	kept, _ := r.cache.Get("gateway.test")
	for i, want := range []bool{true, false} {
		r.cache.Put("gateway.test", kept)
		c := r.dial(newTap(t), nil)
		<-c.conn.HandshakeComplete()
		if got := c.conn.ConnectionState(); got.Used0RTT != want || !got.TLS.DidResume {
			t.Errorf("use %d: 0-RTT %v, resumed %v", i+1, got.Used0RTT, got.TLS.DidResume)
		}
		c.conn.CloseWithError(0x100, "")
	}
}

// TestStrikes is the register's bounds.
func TestStrikes(t *testing.T) {
	a := newAuthority(t)
	now := time.Now()
	k := newStrikes(func() time.Time { return now })
	of := func(d device) tls.ConnectionState {
		return tls.ConnectionState{PeerCertificates: []*x509.Certificate{d.cert.Leaf}}
	}
	extra := func(id ticketID) [][]byte { return [][]byte{[]byte("other"), append([]byte(ticketPrefix), id[:]...)} }
	one, two := a.device("laptop-1"), a.device("laptop-2")
	first, ok := k.issue(of(one))
	other, _ := k.issue(of(two))
	if !ok || !k.spend(extra(first)) || k.spend(extra(first)) {
		t.Error("a ticket is not good exactly once")
	}
	if k.spend(nil) || k.spend([][]byte{[]byte(ticketPrefix)}) || k.spend(extra(ticketID{1})) {
		t.Error("what was not issued is good")
	}
	if _, ok := k.issue(tls.ConnectionState{}); ok {
		t.Error("nobody has a ticket")
	}
	var last ticketID
	first, _ = k.issue(of(one))
	for range ticketsEach {
		last, _ = k.issue(of(one))
	}
	if k.spend(extra(first)) || !k.spend(extra(last)) || !k.spend(extra(other)) {
		t.Error("a device's oldest is not what is forgotten")
	}
	stale, _ := k.issue(of(one))
	now = now.Add(ticketLife)
	if k.spend(extra(stale)) {
		t.Error("a ticket is good after its life")
	}
	k = newStrikes(k.now)
	for len(k.tickets) < maxTickets {
		id := ticketID{byte(len(k.tickets)), byte(len(k.tickets) >> 8), 1}
		k.tickets[id] = k.order.PushBack(ticket0RTT{id: id, expires: now.Add(time.Hour)})
	}
	if _, ok := k.issue(of(two)); ok {
		t.Error("there is no bound")
	}
	now = now.Add(time.Hour)
	if _, ok := k.issue(of(two)); !ok || len(k.tickets) != 1 || k.order.Len() != 1 || len(k.devices) != 1 {
		t.Errorf("%d tickets, %d in order, %d devices after the others' end", len(k.tickets), k.order.Len(), len(k.devices))
	}
	if got := withoutTicket(extra(first)); len(got) != 1 || string(got[0]) != "other" {
		t.Errorf("%q", got)
	}
}
