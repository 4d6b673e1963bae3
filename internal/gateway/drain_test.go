package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// runGateway is start for a test that ends the gateway itself.
func runGateway(t *testing.T, o Options) (g *Gateway, leave func(), ended <-chan error) {
	t.Helper()
	o.Config.Name, o.Config.Site, o.Config.Listen = "gw", "north", "127.0.0.1:0"
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	t.Cleanup(cancel)
	return g, cancel, ran
}

// TestDrain: a gateway that is told to end takes nothing new, has open flows go on
// until they end by themselves, and ends then.
func TestDrain(t *testing.T) {
	s := &site{authority: newAuthority(t)}
	s.device = s.authority.device("laptop-1")
	s.port = application(t, echo)
	s.app = fmt.Sprintf("app.test:%d", s.port)
	g, leave, ended := runGateway(t, Options{Config: Config{State: s.enrolledState("127.0.0.1:1"), Hosts: map[string]string{"app.test": "127.0.0.1"}, Drain: wire.Duration(5 * time.Minute)}, Uplink: noController{}})
	s.g = g
	c := s.client(t, g.Addr(), s.device)
	c.admit(s.ticket())
	str := c.flow(s.app)
	ping(t, str, "hello")
	k := s.ticket()
	h1 := connectors["h1"](t, s, s.app, k.bearer())
	h2 := connectors["h2"](t, s, s.app, k.bearer())
	ping(t, h1, "hello")
	ping(t, h2, "hello")
	leave()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // it refuses TCP
		conn, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatal("it goes on to take connections")
		}
	}
	if late, err := c.h3.OpenRequestStream(t.Context()); err == nil { // the client has not heard of it yet
		late.SendRequestHeader(&http.Request{Method: http.MethodConnect, URL: &url.URL{Host: s.app}, Host: s.app, Header: http.Header{}})
		if res, err := late.ReadResponse(); err == nil && res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a new flow: %d", res.StatusCode)
		}
	}
	ping(t, str, "still there")
	ping(t, h1, "still there")
	ping(t, h2, "still there")
	select {
	case err := <-ended:
		t.Fatalf("it ended with open flows: %v", err)
	default:
	}
	str.Close()
	h1.closeWrite()
	h2.closeWrite()
	for _, r := range []io.Reader{str, h1, h2} {
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("a flow that ended by itself: %v", err)
		}
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it did not end with its last flow")
	}
}

// TestDrainEnds: flows that do not end are reset when the time is over.
func TestDrainEnds(t *testing.T) {
	s := &site{authority: newAuthority(t)}
	s.device = s.authority.device("laptop-1")
	s.port = application(t, echo)
	s.app = fmt.Sprintf("app.test:%d", s.port)
	g, leave, ended := runGateway(t, Options{Config: Config{State: s.enrolledState("127.0.0.1:1"), Hosts: map[string]string{"app.test": "127.0.0.1"}, Drain: wire.Duration(300 * time.Millisecond)}, Uplink: noController{}})
	s.g = g
	var open []*answer1
	for lane, connect := range connectors {
		a := connect(t, s, s.app, s.ticket().bearer())
		if a.status != http.StatusOK {
			t.Fatalf("%s: answered %d", lane, a.status)
		}
		ping(t, a, lane)
		open = append(open, a)
	}
	leave()
	for _, a := range open {
		if _, err := io.Copy(io.Discard, a); err == nil {
			t.Error("a flow ended in order, want a reset")
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}
