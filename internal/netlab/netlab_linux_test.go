package netlab

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

func space(t *testing.T) *Space {
	t.Helper()
	s, err := NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// listen opens a listener in a namespace, and dial a connection from one.
func listen(t *testing.T, s *Space, addr string) net.Listener {
	t.Helper()
	var l net.Listener
	if err := s.Do(func() (err error) { l, err = net.Listen("tcp4", addr); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(s *Space, addr string) (c net.Conn, err error) {
	err = s.Do(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp4", addr)
		return err
	})
	return c, err
}

// echoes answers one connection with what it says.
func echoes(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	io.Copy(c, c)
}

func says(t *testing.T, c net.Conn, what string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, what); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(what))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != what {
		t.Fatalf("the answer is %q: %v", b, err)
	}
}

func TestConnect(t *testing.T) {
	a, b := space(t), space(t)
	if err := Connect(Wire{a, "va", netip.MustParsePrefix("10.9.0.1/24")}, Wire{b, "vb", netip.MustParsePrefix("10.9.0.2/24")}); err != nil {
		t.Fatal(err)
	}
	l := listen(t, b, "10.9.0.2:7")
	go echoes(l)
	c, err := dial(a, "10.9.0.2:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	says(t, c, "hello")
	if o, err := dial(space(t), "10.9.0.2:7"); err == nil {
		o.Close()
		t.Error("a third namespace reaches the second")
	}
}

func TestPath(t *testing.T) {
	a, b := space(t), space(t)
	const delay = 30 * time.Millisecond
	p, err := NewPath(Wire{a, "pa", netip.MustParsePrefix("10.9.0.1/24")}, Wire{b, "pb", netip.MustParsePrefix("10.9.0.2/24")}, Quality{Delay: delay}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l := listen(t, b, "10.9.0.2:7")
	go echoes(l)
	began := time.Now()
	c, err := dial(a, "10.9.0.2:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if took := time.Since(began); took < 2*delay {
		t.Errorf("connecting took %v, and the way there and back is %v", took, 2*delay)
	}
	p.Set(Quality{Delay: time.Millisecond, Loss: 0.1, Rate: 50e6})
	for range 12 {
		says(t, c, "hello")
	}
	if p.Lost() == 0 || p.Passed() == 0 {
		t.Errorf("%d packets were lost and %d passed", p.Lost(), p.Passed())
	}
}

func TestPathEnds(t *testing.T) {
	a, b := space(t), space(t)
	p, err := NewPath(Wire{a, "pa", netip.MustParsePrefix("10.9.0.1/24")}, Wire{b, "pb", netip.MustParsePrefix("10.9.0.2/24")}, Quality{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	err = a.Do(func() error { _, err := net.InterfaceByName("pa"); return err })
	if err == nil {
		t.Error("the path's interface is still there")
	}
}

func TestPathRebinds(t *testing.T) {
	a, b := space(t), space(t)
	p, err := NewPath(Wire{a, "pa", netip.MustParsePrefix("10.9.0.1/24")}, Wire{b, "pb", netip.MustParsePrefix("10.9.0.2/24")}, Quality{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var far, near net.PacketConn
	if err := b.Do(func() (err error) { far, err = net.ListenPacket("udp4", "10.9.0.2:7"); return err }); err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := a.Do(func() (err error) { near, err = net.ListenPacket("udp4", "10.9.0.1:0"); return err }); err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	buf := make([]byte, 16)
	from := func(c net.PacketConn) net.Addr {
		t.Helper()
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, from, err := c.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "hello" {
			t.Fatalf("%q, %v", buf[:n], err)
		}
		return from
	}
	send := func(c net.PacketConn, to net.Addr) {
		t.Helper()
		if _, err := c.WriteTo([]byte("hello"), to); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]net.Addr{}
	for range 3 {
		send(near, far.LocalAddr())
		seen[from(far).String()] = nil
		for a := range seen {
			if seen[a] == nil {
				seen[a], _ = net.ResolveUDPAddr("udp4", a)
				send(far, seen[a])
				from(near)
			}
		}
		p.Rebind()
	}
	if len(seen) != 3 {
		t.Errorf("it was seen at %v", seen)
	}
	for _, a := range seen {
		send(far, a)
	}
	near.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	if n, _, err := near.ReadFrom(buf); err == nil {
		t.Errorf("%q came to a port that is forgotten", buf[:n])
	}
	l := listen(t, b, "10.9.0.2:7")
	go echoes(l)
	c, err := dial(a, "10.9.0.2:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	says(t, c, "hello")
	p.Rebind()
	c.Write([]byte("hello"))
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	if n, err := c.Read(buf); err == nil {
		t.Errorf("%q came on a connection that is forgotten", buf[:n])
	}
}

func TestPathDropsUDP(t *testing.T) {
	a, b := space(t), space(t)
	p, err := NewPath(Wire{a, "pa", netip.MustParsePrefix("10.9.0.1/24")}, Wire{b, "pb", netip.MustParsePrefix("10.9.0.2/24")}, Quality{NoUDP: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	l := listen(t, b, "10.9.0.2:7")
	go echoes(l)
	before := p.Lost()
	err = a.Do(func() error {
		c, err := net.Dial("udp4", "10.9.0.2:7")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("hello"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(a, "10.9.0.2:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	says(t, c, "hello")
	if p.Lost() == before {
		t.Error("nothing was lost")
	}
}
