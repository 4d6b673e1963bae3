package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// site is a gateway with an application "app.test" behind it.
type site struct {
	*authority
	device device
	g      *Gateway
	port   uint16
	app    string // app.test:port
}

func newSite(t *testing.T, serve func(*net.TCPConn), change func(*Options)) *site {
	t.Helper()
	s := &site{authority: newAuthority(t)}
	s.device = s.authority.device("laptop-1")
	s.port = application(t, serve)
	s.app = fmt.Sprintf("app.test:%d", s.port)
	o := Options{
		Config: Config{State: s.enrolledState("127.0.0.1:1"), Hosts: map[string]string{"app.test": "127.0.0.1"}},
		Uplink: noController{},
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		},
	}
	if change != nil {
		change(&o)
	}
	s.g = start(t, o)
	return s
}

func (s *site) ticket() ticket {
	return s.authority.ticket(s.device).entitle("app", "app.test", s.port, "")
}

type noController struct{}

func (noController) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("the controller is away")
}

func TestFlowCarriesBytesBothWays(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	_, v := c.admit(s.ticket())
	if len(v.Verdicts) != 1 || !v.Verdicts[0].Allow || v.Verdicts[0].Due {
		t.Fatalf("verdicts %+v", v)
	}
	str := c.flow(s.app)
	sent := make([]byte, 3<<20)
	rand.Read(sent)
	go func() {
		str.Write(sent)
		str.Close() // half-close: the echo is still to come
	}()
	got, err := io.ReadAll(str)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("echo of %d bytes: %d bytes, %v", len(sent), len(got), err)
	}
}

// TestOptimisticData sends the flow and its first bytes before the session has
// been admitted.
func TestOptimisticData(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	str := c.open(s.app, "hello")
	str.Close()
	c.admit(s.ticket())
	if res := answered(t, str); res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	if got, err := io.ReadAll(str); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestApplicationResetBecomesStreamReset(t *testing.T) {
	s := newSite(t, func(c *net.TCPConn) {
		io.ReadFull(c, make([]byte, 1))
		c.SetLinger(0)
	}, nil)
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	str := c.flow(s.app)
	io.WriteString(str, "x")
	expectReset(t, str, codeAborted)
}

func TestStreamResetBecomesApplicationReset(t *testing.T) {
	ended := make(chan error, 1)
	s := newSite(t, func(c *net.TCPConn) {
		c.Write([]byte("x"))
		_, err := io.Copy(io.Discard, c)
		ended <- err
	}, nil)
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	str := c.flow(s.app)
	io.ReadFull(str, make([]byte, 1))
	str.CancelRead(codeAborted) // the application is quiet: only this tells
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the application saw %v, want a reset", err)
	}
	str = c.flow(s.app)
	io.ReadFull(str, make([]byte, 1)) // the reset is to meet the application's read, not its write
	str.CancelWrite(codeAborted)
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the application saw %v, want a reset", err)
	}
}

func TestRefusals(t *testing.T) {
	closed := application(t, echo)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := uint16(ln.Addr().(*net.TCPAddr).Port)
	ln.Close()
	s := newSite(t, echo, func(o *Options) {
		o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			switch host {
			case "rebind.test":
				return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("169.254.169.254")}, nil
			case "slow.test":
				return nil, context.DeadlineExceeded
			}
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}
	})
	k := s.ticket().
		entitle("dead", "app.test", dead, "").
		entitle("rebind", "rebind.test", closed, "").
		entitle("net", "127.0.0.0/8", closed, "").
		entitle("slow", "slow.test", 80, "").
		entitle("nowhere", "nowhere.test", 80, "").
		entitle("code", "code.test", 80, `within(responses.mfa, duration("60m"))`, wire.InteractionMFA).
		entitle("broken", "broken.test", 80, `device.nonsense`)
	k.entitlements = append(k.entitlements, wire.Entitlement{ID: "odd", Actions: []wire.Action{
		{Effect: "allow", Protocol: "udp", Hosts: []string{"udp.test"}, Ports: []uint16{80}},
		{Effect: "permit", Protocol: "tcp", Hosts: []string{"app.test"}, Ports: []uint16{81}},
		{Effect: "allow", Protocol: "tcp", Hosts: []string{"app.test"}, Ports: []uint16{81}},
	}})
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(k)
	for _, row := range []struct {
		name, authority string
		status          int
		code            wire.Code
		proxy           string
	}{
		{"another host", "other.test:80", 403, wire.CodeNotEntitled, "http_request_denied"},
		{"another port", "app.test:1", 403, wire.CodeNotEntitled, "http_request_denied"},
		{"by address", fmt.Sprintf("127.0.0.2:%d", s.port), 403, wire.CodeNotEntitled, "http_request_denied"},
		{"loopback in a network", fmt.Sprintf("127.0.0.1:%d", closed), 403, wire.CodeNotEntitled, "http_request_denied"},
		{"rebinding", fmt.Sprintf("rebind.test:%d", closed), 403, wire.CodeNotEntitled, "http_request_denied"},
		{"udp", "udp.test:80", 403, wire.CodeNotEntitled, "http_request_denied"},
		{"an unknown effect blocks", "app.test:81", 403, wire.CodeNotEntitled, "http_request_denied"},
		{"no code", "code.test:80", 403, wire.CodeDenied, "http_request_denied"},
		{"no criterion", "broken.test:80", 403, wire.CodeDenied, "http_request_denied"},
		{"nobody listens", fmt.Sprintf("app.test:%d", dead), 502, wire.CodeAppRefused, "connection_refused"},
		{"no address", "nowhere.test:80", 502, wire.CodeAppUnreachable, "destination_unavailable"},
		{"no answer", "slow.test:80", 504, wire.CodeAppUnreachable, "connection_timeout"},
		{"unreadable", "0x7f.1:80", 400, wire.CodeBadRequest, "http_request_error"},
		{"no port", "app.test", 400, wire.CodeBadRequest, "http_request_error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, h := c.refusedFlow(row.authority)
			if p.Status != row.status || p.Code != row.code || h.Get("Proxy-Status") != `"gw"; error=`+row.proxy {
				t.Errorf("%d %s, Proxy-Status %s", p.Status, p.Code, h.Get("Proxy-Status"))
			}
			if row.code == wire.CodeDenied && (p.Verdict == nil || p.Verdict.Allow || h.Get(wire.HeaderDecision) != string(p.Verdict.Decision)) {
				t.Errorf("verdict %+v", p.Verdict)
			}
			if row.name == "no code" && (len(p.Verdict.Interactions) != 1 || p.Verdict.Reason.Kind != wire.ReasonMFA) {
				t.Errorf("verdict %+v", p.Verdict)
			}
		})
	}
}
