package nameserver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plane carries nothing and notes what it is asked.
type plane struct {
	mu    sync.Mutex
	asked []front.Target
}

func (p *plane) note(t front.Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, t)
}

func (p *plane) Covers(t front.Target) bool { p.note(t); return false }

func (p *plane) Carry(_ context.Context, o front.Offer) { p.note(o.Target); o.Refuse(&wire.Problem{}) }

func (p *plane) Packets(_ context.Context, t front.Target) (front.Packets, error) {
	p.note(t)
	return nil, &wire.Problem{Code: wire.CodeNotEntitled}
}

func (p *plane) Echo(_ context.Context, t front.Target, _ int) error { p.note(t); return nil }

// wired is a program's end of a connection.
type wired struct{ net.Conn }

func (wired) CloseWrite() error   { return nil }
func (wired) SetLinger(int) error { return nil }

var (
	byUDP = front.Target{Host: Addr.String(), Port: 53, Protocol: wire.UDP}
	byTCP = front.Target{Host: Addr.String(), Port: 53, Protocol: wire.TCP}
)

// serve runs a Server for the test's life; stop ends it.
func serve(t *testing.T) (s *Server, p *plane, stop func()) {
	t.Helper()
	pool, err := names.Open(names.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pool.Set([]string{"wiki.corp.example"}, []string{"lab.example"})
	p = &plane{}
	s = New(Options{Zone: pool, Router: p})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return s, p, stop
}

func question(name string, kind uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, kind) }

// check says what is wrong with an answer.
func check(t *testing.T, q, a *dns.Msg, code int, within string) {
	t.Helper()
	if a.Id != q.Id || a.Rcode != code {
		t.Errorf("%s: %v", q.Question[0].Name, a)
		return
	}
	if within == "" {
		return
	}
	if rr, ok := a.Answer[0].(*dns.A); !ok || !netip.MustParsePrefix(within).Contains(netip.MustParseAddr(rr.A.String())) {
		t.Errorf("%s: %v", q.Question[0].Name, a)
	}
}

func TestByUDP(t *testing.T) {
	s, p, stop := serve(t)
	var flows []front.Packets
	for range 3 { // programs have a flow each
		f, err := s.Packets(t.Context(), byUDP)
		if err != nil {
			t.Fatal(err)
		}
		flows = append(flows, f)
	}
	for i, tt := range []struct {
		name   string
		code   int
		within string
	}{
		{"wiki.corp.example.", dns.RcodeSuccess, "100.96.0.0/16"},
		{"new.lab.example.", dns.RcodeSuccess, "100.96.0.0/16"},
		{"none.corp.example.", dns.RcodeRefused, ""},
		{"x.wiki.corp.example.", dns.RcodeNameError, ""},
		{"www.example.com.", dns.RcodeRefused, ""},
	} {
		q := question(tt.name, dns.TypeA)
		b, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		f := flows[i%len(flows)]
		if err := f.Send(b); err != nil {
			t.Fatal(err)
		}
		clear(b) // it is the sender's again
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		b, err = f.Receive(ctx)
		cancel()
		var a dns.Msg
		if err != nil || a.Unpack(b) != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		check(t, q, &a, tt.code, tt.within)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := flows[0].Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("at the end of its context it says %v", err)
	}
	flows[0].Close()
	if err := flows[0].Send(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed, it says %v", err)
	}
	stop()
	if _, err := flows[1].Receive(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("at the end it says %v", err)
	}
	if len(p.asked) > 0 {
		t.Errorf("the data plane was asked for %v", p.asked)
	}
}

// offer has a connection carried, and returns the program's end.
func offer(s *Server) (c net.Conn, refused *wire.Problem, carried chan struct{}) {
	near, far := net.Pipe()
	carried = make(chan struct{})
	answer := make(chan *wire.Problem, 1)
	go func() {
		defer close(carried)
		s.Carry(context.Background(), front.Offer{Target: byTCP,
			Accept: func() (front.Conn, error) { answer <- nil; return wired{far}, nil },
			Refuse: func(p *wire.Problem) { answer <- p }})
	}()
	return near, <-answer, carried
}

func TestByTCP(t *testing.T) {
	s, p, stop := serve(t)
	c, refused, carried := offer(s)
	if refused != nil {
		t.Fatal(refused)
	}
	conn := &dns.Conn{Conn: c}
	for _, name := range []string{"wiki.corp.example.", "new.lab.example."} {
		q := question(name, dns.TypeA)
		if err := conn.WriteMsg(q); err != nil {
			t.Fatal(err)
		}
		a, err := conn.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		check(t, q, a, dns.RcodeSuccess, "100.96.0.0/16")
	}
	c.Close()
	<-carried
	c, _, carried = offer(s)
	stop()
	<-carried
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("at the end it says %v", err)
	}
	if _, refused, carried = offer(s); refused == nil || refused.Code != wire.CodeAppRefused {
		t.Errorf("after the end it says %v", refused)
	}
	<-carried
	if len(p.asked) > 0 {
		t.Errorf("the data plane was asked for %v", p.asked)
	}
}

// What is no lookup is the data plane's.
func TestTheRest(t *testing.T) {
	s, p, _ := serve(t)
	if !s.Covers(byUDP) || !s.Covers(byTCP) || len(p.asked) > 0 {
		t.Errorf("of lookups the data plane was asked for %v", p.asked)
	}
	for _, other := range []front.Target{
		{Host: Addr.String(), Port: 54, Protocol: wire.UDP},
		{Host: Addr.String(), Protocol: wire.ICMP},
		{Host: "100.96.255.254", Port: 53, Protocol: wire.TCP},
		{Host: "wiki.corp.example", Port: 53, Protocol: wire.UDP},
	} {
		p.asked = nil
		s.Covers(other)
		s.Packets(t.Context(), other)
		s.Carry(t.Context(), front.Offer{Target: other, Refuse: func(*wire.Problem) {}})
		s.Echo(t.Context(), other, 0)
		if len(p.asked) != 4 {
			t.Errorf("of %v the data plane was asked %d times", other, len(p.asked))
		}
	}
}
