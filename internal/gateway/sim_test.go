package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/testutils/simnet"
)

// sim is a gateway in virtual time, with an application app.test behind it: the
// real gateway, QUIC and tokens over a simulated network of 10 ms. It is made
// in a bubble, and gone at its end.
type sim struct {
	*authority
	moves
	network *simnet.Simnet
	at      *net.UDPAddr
	device  device
	g       *Gateway
	apps    chan *simApp      // each connection that the gateway opened
	prepare func(*Gateway)    // before it runs
	ledger  *ledger           // nil: the controller is away
	ends    []*simnet.SimConn // of hosts that no client has yet
}

// simApp is the application's end of a flow.
type simApp struct {
	net.Conn
	reset *atomic.Bool // the gateway closed it with a reset
}

type simConn struct {
	net.Conn
	reset *atomic.Bool
}

// SetLinger is what makes a TCP close a reset.
func (c simConn) SetLinger(seconds int) error {
	c.reset.Store(seconds == 0)
	return nil
}

// CloseWrite ends both ways: a pipe has no half.
func (c simConn) CloseWrite() error { return c.Close() }

var simLink = simnet.NodeBiDiLinkSettings{Latency: 10 * time.Millisecond}

func newSim(t *testing.T, change ...func(*sim, *Options)) *sim {
	t.Helper()
	return newSimOf(t, 6, change...)
}

// newSimOf has so many hosts for clients.
func newSimOf(t *testing.T, hosts int, change ...func(*sim, *Options)) *sim {
	t.Helper()
	s := &sim{authority: newAuthority(t), network: &simnet.Simnet{Router: &simnet.PerfectRouter{}},
		at: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8444}, apps: make(chan *simApp, 16)}
	s.device = s.authority.device("laptop-1")
	end := s.network.NewEndpoint(s.at, simLink)
	clients := make([]*simnet.SimConn, hosts)
	for i := range clients {
		clients[i] = s.network.NewEndpoint(s.address(byte(i+2)), simLink)
	}
	s.network.Start()
	o := Options{
		Config:     Config{Name: "gw", Site: "north", State: s.enrolledState("192.0.2.99:8443"), Hosts: map[string]string{"app.test": "10.0.0.7"}},
		PacketConn: end, Uplink: noController{},
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return nil, io.EOF },
		Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			if a := netip.MustParseAddrPort(address); a.Addr() != netip.MustParseAddr("10.0.0.7") {
				t.Errorf("dialled %s", address)
			}
			ours, theirs := net.Pipe()
			app := &simApp{Conn: theirs, reset: new(atomic.Bool)}
			s.apps <- app
			return simConn{ours, app.reset}, nil
		},
	}
	for _, f := range change {
		f(s, &o)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.g, g.hearWithin = g, 0 // a test hands it what it is to learn
	if s.prepare != nil {
		s.prepare(g)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
		for _, c := range clients {
			c.Close()
		}
		s.network.Close()
	})
	s.ends = clients
	return s
}

func (s *sim) address(host byte) *net.UDPAddr {
	return &net.UDPAddr{IP: net.IPv4(192, 0, 2, host), Port: 4000}
}

// client is a device's on the next host of the network.
func (s *sim) client(t *testing.T, d device) *client {
	t.Helper()
	end := s.ends[0]
	s.ends = s.ends[1:]
	return s.clientOn(t, end, s.at, d)
}

func (s *sim) ticket() ticket {
	return s.authority.ticket(s.device).entitle("app", "app.test", 22, "")
}

// echo opens a flow to app.test and answers at its other end.
func (s *sim) echo(c *client, authority string) (*http3.RequestStream, *simApp) {
	str := c.flow(authority)
	app := <-s.apps
	go io.Copy(app, app)
	return str, app
}

// expectEnd reads until the application's end of the flow has been closed, and
// wants that to be a reset.
func (a *simApp) expectReset(t *testing.T) {
	t.Helper()
	if _, err := io.Copy(io.Discard, a); err != nil && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the application saw %v", err)
	}
	if !a.reset.Load() {
		t.Error("the application saw an end, want a reset")
	}
}
