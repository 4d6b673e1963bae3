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
