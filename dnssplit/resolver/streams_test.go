package resolver

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func connect(t testing.TB, server string) *dns.Conn {
	t.Helper()
	c, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(60 * time.Second))
	return &dns.Conn{Conn: c}
}

// Lookups of one connection are answered as their answers become known, all of
// them, and also those of a client that has shut its side.
func TestPipeline(t *testing.T) {
	slow := make(chan struct{})
	r := New(Options{Zone: somePool()})
	r.Forward(to(upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Name == "slow.example." {
			<-slow
		}
		echo(60, nil)(w, q)
	})))
	server := serve(t, r)
	c := connect(t, server)
	names := map[uint16]string{}
	ask := func(name string) {
		q := question(name, dns.TypeA)
		for names[q.Id] != "" {
			q.Id++
		}
		names[q.Id] = name
		if err := c.WriteMsg(q); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		m, err := c.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		name := names[m.Id]
		if len(m.Answer) != 1 || m.Question[0].Name != name {
			t.Fatalf("answered %v", m)
		}
		delete(names, m.Id)
		return name
	}
	ask("slow.example.")
	ask("wiki.example.zta.")
	if name := read(); name != "wiki.example.zta." {
		t.Errorf("answered %s first", name)
	}
	go func() { time.Sleep(10 * time.Millisecond); close(slow) }()
	for i := range 5 * mostPipeline {
		ask(fmt.Sprintf("n%d.example.", i))
	}
	c.Conn.(*net.TCPConn).CloseWrite()
	for len(names) > 0 {
		read()
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("then: %v", err)
	}
}

// A client that asks on and on without reading is not answered on and on.
func TestGreedy(t *testing.T) {
	r := New(Options{Zone: somePool()})
	r.Forward(to(upstream(t, texts(60, false))))
	server := serve(t, r)
	q := question("a.example.", dns.TypeTXT)
	lookup(t, "tcp", server, q)
	c := connect(t, server)
	c.Conn.(*net.TCPConn).SetReadBuffer(4096)
	msg := pack(t, q)
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	c.SetDeadline(time.Now().Add(60 * time.Second))
	sent := 0
	for { // until the connection is closed, having waited for us to read
		if _, err := c.Conn.Write(framed); err != nil {
			break
		}
		sent++
	}
	if sent < mostPipeline {
		t.Errorf("gave up after %d lookups", sent)
	}
	if m := lookup(t, "tcp", server, q); len(m.Answer) != 60 {
		t.Errorf("then answered %v", m)
	}
}

// Connections are bounded: the one that was silent the longest makes place.
func TestCrowd(t *testing.T) {
	before := runtime.NumGoroutine()
	r := New(Options{Zone: somePool()})
	server := serve(t, r)
	first := connect(t, server)
	ask := func(c *dns.Conn) error {
		if err := c.WriteMsg(question("wiki.example.zta.", dns.TypeA)); err != nil {
			return err
		}
		_, err := c.ReadMsg()
		return err
	}
	if err := ask(first); err != nil {
		t.Fatal(err)
	}
	second := connect(t, server)
	if err := ask(second); err != nil {
		t.Fatal(err)
	}
	if err := ask(first); err != nil {
		t.Fatal(err)
	}
	for range mostStreams - 1 { // the second one is silent the longest
		if err := ask(connect(t, server)); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask(second); err == nil {
		t.Error("a connection too many was kept")
	}
	if err := ask(first); err != nil {
		t.Errorf("the first: %v", err)
	}
	for range 3 * mostStreams {
		connect(t, server)
	}
	last := connect(t, server)
	if err := ask(last); err != nil {
		t.Errorf("the last: %v", err)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) { // those that made place end
		n := runtime.NumGoroutine() - before
		if n <= 2*mostStreams+20 {
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%d goroutines", n)
		}
	}
}

// What is no lookup ends the connection, and nothing else.
func TestBadStreams(t *testing.T) {
	r := New(Options{Zone: somePool()})
	server := serve(t, r)
	answered := pack(t, new(dns.Msg).SetReply(question("a.", dns.TypeA)))
	for name, sent := range map[string][]byte{
		"nothing":   {0, 0},
		"too short": {0, 3, 1, 2, 3},
		"too long":  {0xff, 0xff, 1, 2, 3},
		"an answer": append([]byte{0, byte(len(answered))}, answered...),
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, server)
			c.Conn.Write(sent)
			if n, err := c.Conn.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("read %d octets: %v", n, err)
			}
		})
	}
	c := connect(t, server) // one octet after the other
	msg := pack(t, question("wiki.example.zta.", dns.TypeA))
	for _, b := range append([]byte{0, byte(len(msg))}, msg...) {
		c.Conn.Write([]byte{b})
	}
	if m, err := c.ReadMsg(); err != nil || len(m.Answer) != 1 {
		t.Errorf("answered %v: %v", m, err)
	}
}

// Serve ends with its context, whatever is under way, and can be called again.
func TestServeEnds(t *testing.T) {
	hang := make(chan struct{})
	silent := upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if _, tcp := w.RemoteAddr().(*net.TCPAddr); tcp {
			<-hang
		}
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		if q.Question[0].Name == "tcp.example." {
			w.WriteMsg(m)
		}
	})
	defer close(hang)
	r := New(Options{Zone: somePool()})
	r.Forward(to(silent))
	for range 2 {
		udp, tcp := listen(t)
		server := udp.LocalAddr().String()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Serve(ctx, udp, tcp) }()
		for range 20 {
			c := connect(t, server)
			for i := range mostPipeline + 2 {
				c.WriteMsg(question(fmt.Sprintf("n%d.example.", i), dns.TypeA))
			}
			c.WriteMsg(question("tcp.example.", dns.TypeA))
		}
		c := connect(t, server)
		c.WriteMsg(question("tcp.example.", dns.TypeA))
		lookup(t, "udp", server, question("wiki.example.zta.", dns.TypeA))
		lookup(t, "udp", server, question("tcp.example.", dns.TypeA))
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("still serving")
		}
		if r.forward.flights != 0 || len(r.forward.sockets) != 0 {
			t.Errorf("left: %d lookups, %d sockets", r.forward.flights, len(r.forward.sockets))
		}
	}
}

// A socket that somebody else closed ends Serve, which says so.
func TestServeFails(t *testing.T) {
	r := New(Options{Zone: somePool()})
	udp, tcp := listen(t)
	udp.Close()
	if err := r.Serve(t.Context(), udp, tcp); err == nil {
		t.Error("no error")
	}
}

// We do not ask ourselves, on and on.
func TestOurselves(t *testing.T) {
	r := New(Options{Zone: somePool()})
	udp, tcp := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, udp, tcp) }()
	self := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	r.Forward(to(self))
	if m := lookup(t, "udp", self.String(), question("a.example.", dns.TypeA)); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("answered %v", m)
	}
	r.Forward(to(self, upstream(t, echo(60, nil))))
	if m := lookup(t, "udp", self.String(), question("a.example.", dns.TypeA)); len(m.Answer) != 1 {
		t.Errorf("answered %v", m)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
