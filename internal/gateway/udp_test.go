package gateway

//lint:file-ignore SA1019 net/http sends no extended CONNECT

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http2"

	"github.com/tidegate/tidegate/internal/wire"
)

// udpApplication echoes datagrams.
func udpApplication(t *testing.T) uint16 {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			c.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return uint16(c.LocalAddr().(*net.UDPAddr).Port)
}

// entitleTo adds an entitlement to what the action says.
func (k ticket) entitleTo(id wire.EntitlementID, a wire.Action) ticket {
	k.entitlements = append(k.entitlements[:len(k.entitlements):len(k.entitlements)], wire.Entitlement{ID: id, Name: string(id), Actions: []wire.Action{a}})
	return k
}

func (s *site) udpTicket(port uint16) ticket {
	return s.ticket().entitleTo("udp", wire.Action{Effect: wire.EffectAllow, Protocol: wire.UDP, Hosts: []string{"app.test", "rebind.test"}, Ports: []uint16{port}})
}

func udpPathTo(host string, port uint16) string { return fmt.Sprintf("%s%s/%d/", udpPath, host, port) }

// capsule is a DATAGRAM capsule of context 0.
func capsule(payload []byte) []byte {
	b := quicvarint.Append(nil, 0)
	b = quicvarint.Append(b, uint64(len(payload)+1))
	return append(append(b, 0), payload...)
}

func readCapsule(t *testing.T, r io.Reader) []byte {
	t.Helper()
	q := quicvarint.NewReader(r)
	kind, err := quicvarint.Read(q)
	if err != nil || kind != 0 {
		t.Fatalf("a capsule of type %d, %v", kind, err)
	}
	n, err := quicvarint.Read(q)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil || b[0] != 0 {
		t.Fatalf("the capsule %x, %v", b, err)
	}
	return b[1:]
}

// udpOverH3 sends a CONNECT-UDP with bare QUIC.
func (c *h3Foreign) udp(path, bearer string) *h3Request {
	return c.request(":method", "CONNECT", ":protocol", "connect-udp", ":scheme", "https", ":authority", "gateway.test", ":path", path,
		"capsule-protocol", "?1", "proxy-authorization", bearer)
}

// TestUDPOverDatagrams is RFC 9298 on HTTP/3, with datagrams and, for those that
// do not fit into a packet, capsules.
func TestUDPOverDatagrams(t *testing.T) {
	s := newSite(t, echo, nil)
	port := udpApplication(t)
	c := s.foreignH3(t, s.g.Addr(), s.device, true)
	str := c.udp(udpPathTo("app.test", port), s.udpTicket(port).bearer())
	if status, fields := str.answer(t); status != http.StatusOK || fields["capsule-protocol"] != "?1" {
		t.Fatalf("answered %d, %v", status, fields)
	}
	got := func(want string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; { // UDP may lose one
			c.datagram(str, []byte("\x00"+want))
			if b := c.received(str); string(b) == "\x00"+want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("no echo of %q", want)
			}
		}
	}
	got("hello")
	c.datagram(str, []byte{7, 'x'}) // an unknown context
	got("")                         // an empty one is one
	large := bytes.Repeat([]byte("L"), 9000)
	if _, err := str.Write(capsule(large)); err != nil {
		t.Fatal(err)
	}
	if b := readCapsule(t, str); !bytes.Equal(b, large) {
		t.Errorf("%d bytes came back", len(b))
	}
	str.Write(append(quicvarint.Append(quicvarint.Append(nil, 0x2575), 3), "abc"...)) // an unknown capsule
	got("again")
	str.Stream.Close()
	if _, err := io.ReadAll(str); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
	s.waitForFlows(t, 0)
}

// waitForFlows waits until so many flows are open in the site's one session.
func (s *site) waitForFlows(t *testing.T, want int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		n := 0
		for _, session := range s.g.registry.all() {
			session.call(func() {
				for _, e := range session.entitlements {
					n += len(e.flows)
				}
			})
		}
		if n == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d flows are open, want %d", n, want)
		}
	}
}

// TestUDPOverCapsules is RFC 9298 where the client takes no datagrams.
func TestUDPOverCapsules(t *testing.T) {
	s := newSite(t, echo, nil)
	port := udpApplication(t)
	bearer := s.udpTicket(port).bearer()
	exchange := func(t *testing.T, rw io.ReadWriter) {
		for _, payload := range []string{"hello", "", "again"} {
			if _, err := rw.Write(capsule([]byte(payload))); err != nil {
				t.Fatal(err)
			}
			if b := readCapsule(t, rw); string(b) != payload {
				t.Errorf("%q came back for %q", b, payload)
			}
		}
	}
	t.Run("h3", func(t *testing.T) {
		c := s.foreignH3(t, s.g.Addr(), s.device, false)
		str := c.udp(udpPathTo("app.test", port), bearer)
		if status, _ := str.answer(t); status != http.StatusOK {
			t.Fatalf("answered %d", status)
		}
		exchange(t, str)
	})
	t.Run("h2", func(t *testing.T) {
		cc, err := (&http2.Transport{}).NewClientConn(s.tcp(t, s.g.Addr(), s.device, "h2"))
		if err != nil {
			t.Fatal(err)
		}
		body, in := io.Pipe()
		u := &url.URL{Scheme: "https", Host: "gateway.test", Path: udpPathTo("app.test", port)}
		r := (&http.Request{Method: http.MethodConnect, URL: u, Host: u.Host, Body: body, ContentLength: -1,
			Header: http.Header{":protocol": {connectUDP}, "Capsule-Protocol": {"?1"}, "Proxy-Authorization": {bearer}}}).WithContext(t.Context())
		res, err := cc.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		defer in.Close()
		if res.StatusCode != http.StatusOK || res.Header.Get("Capsule-Protocol") != "?1" {
			t.Fatalf("answered %d, %v", res.StatusCode, res.Header)
		}
		exchange(t, readWriter{res.Body, in})
	})
}

// TestUDPRefusals: the same rules hold, for UDP alone.
func TestUDPRefusals(t *testing.T) {
	s := newSite(t, echo, func(o *Options) {
		o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "rebind.test" {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("169.254.169.254")}, nil
			}
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}
	})
	port := udpApplication(t)
	c := s.foreignH3(t, s.g.Addr(), s.device, true)
	bearer := s.udpTicket(port).bearer()
	for path, want := range map[string]int{
		udpPathTo("other.test", port):      http.StatusForbidden,
		udpPathTo("app.test", s.port):      http.StatusForbidden, // by TCP alone
		udpPathTo("rebind.test", port):     http.StatusForbidden,
		udpPathTo("127.0.0.1", port):       http.StatusForbidden,
		udpPathTo("2001%3Adb8%3A%3A1", 53): http.StatusForbidden,
		udpPathTo("0x7f.1", port):          http.StatusBadRequest,
		udpPathTo("%5B::1%5D", port):       http.StatusBadRequest,
		udpPathTo("::ffff:127.0.0.1", 53):  http.StatusBadRequest,
		udpPathTo("fe80%3A%3A1%25lo", 53):  http.StatusBadRequest,
		udpPathTo("a%2Fb", 53):             http.StatusBadRequest,
		udpPathTo("a@app.test", port):      http.StatusBadRequest,
		udpPath + "app.test/0/":            http.StatusBadRequest,
		udpPath + "app.test/70000/":        http.StatusBadRequest,
		udpPath + "app.test/53":            http.StatusBadRequest,
		udpPath + "app.test/53/x":          http.StatusBadRequest,
		udpPath:                            http.StatusBadRequest,
		"/":                                http.StatusBadRequest,
	} {
		if status, _ := c.udp(path, bearer).answer(t); status != want {
			t.Errorf("%s: answered %d, want %d", path, status, want)
		}
	}
	str := c.request(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "gateway.test", ":path", "/", "proxy-authorization", bearer)
	if status, _ := str.answer(t); status != http.StatusNotImplemented {
		t.Errorf("another protocol: answered %d", status)
	}
}

// TestUDPIsCut: a verdict that ends ends the flow at once, and nothing passes.
func TestUDPIsCut(t *testing.T) {
	s := newSite(t, echo, nil)
	port := udpApplication(t)
	c := s.foreignH3(t, s.g.Addr(), s.device, true)
	str := c.udp(udpPathTo("app.test", port), s.udpTicket(port).bearer())
	if status, _ := str.answer(t); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	str.Write(capsule([]byte("hello")))
	c.received(str)
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 7, Revoked: map[wire.SessionID]time.Time{"s-1": time.Now().Add(time.Hour)}})); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, str); err == nil {
		t.Error("the stream ended in order, want a reset")
	}
}

// TestUDPHostileCapsules: what is no capsule ends its flow and nothing else.
func TestUDPHostileCapsules(t *testing.T) {
	s := newSite(t, echo, nil)
	port := udpApplication(t)
	c := s.foreignH3(t, s.g.Addr(), s.device, true)
	bearer := s.udpTicket(port).bearer()
	for name, b := range map[string][]byte{
		"a capsule of a megabyte": quicvarint.Append(quicvarint.Append(nil, 0), 1<<20),
		"no context":              {0, 0},
		"cut short":               {0, 9, 0, 'x'},
	} {
		str := c.udp(udpPathTo("app.test", port), bearer)
		if status, _ := str.answer(t); status != http.StatusOK {
			t.Fatalf("answered %d", status)
		}
		str.Write(b)
		str.Stream.Close()
		if _, err := io.Copy(io.Discard, str); err == nil {
			t.Errorf("%s: the stream ended in order, want a reset", name)
		}
	}
	str := c.udp(udpPathTo("app.test", port), bearer)
	if status, _ := str.answer(t); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	for range 2000 { // random datagrams, most of which are dropped
		c.datagram(str, []byte{0x3f, 1, 2, 3})
	}
	str.Write(capsule([]byte("hello")))
	if b := c.received(str); string(b) != "\x00hello" {
		t.Errorf("%q", b)
	}
}

// TestIdleUDPEnds: a flow without a packet ends in order, in two minutes.
func TestIdleUDPEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		c.admit(s.authority.ticket(s.device).entitleTo("udp", wire.Action{Effect: wire.EffectAllow, Protocol: wire.UDP, Hosts: []string{"app.test"}, Ports: []uint16{53}}))
		str, err := c.h3.OpenRequestStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u := &url.URL{Scheme: "https", Host: "gateway.test", Path: udpPathTo("app.test", 53)}
		if err := str.SendRequestHeader(&http.Request{Method: http.MethodConnect, Proto: connectUDP, URL: u, Host: u.Host, Header: http.Header{}}); err != nil {
			t.Fatal(err)
		}
		if res := answered(t, str); res.StatusCode != http.StatusOK {
			t.Fatalf("answered %d", res.StatusCode)
		}
		app := <-s.apps
		go io.Copy(app, app)
		began := time.Now()
		for range 3 {
			time.Sleep(time.Minute)
			str.Write(capsule([]byte("hello")))
			if b := readCapsule(t, str); string(b) != "hello" {
				t.Errorf("%q", b)
			}
		}
		if _, err := io.ReadAll(str); err != nil {
			t.Errorf("the stream ended with %v", err)
		}
		if took := time.Since(began); took < 5*time.Minute || took > 5*time.Minute+time.Second {
			t.Errorf("after %s", took)
		}
	})
}

func FuzzUDPPath(f *testing.F) {
	f.Add("/.well-known/masque/udp/app.test/53/")
	f.Add("/.well-known/masque/udp/2001%3Adb8%3A%3A1/53/")
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		tg, err := parseUDP(u)
		if err != nil {
			return
		}
		if again, err := parseTarget(tg.String()); err != nil || tg.protocol != wire.UDP || again.String() != tg.String() {
			t.Errorf("%q reads as %v, and that as %v, %v", path, tg, again, err)
		}
	})
}
