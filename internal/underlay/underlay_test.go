package underlay

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// Who was reached by the routes alone is, for a while, or until the network changes.
func TestAround(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	u, now := New(Options{}), time.Unix(1e9, 0)
	bound := 0
	u.now = func() time.Time { return now }
	u.adapter = func(netip.Addr) string { return "phys0" }
	u.bind = func(syscall.RawConn, string) error { bound++; return errors.New("not permitted") }
	dial := func() {
		t.Helper()
		c, err := u.DialTCP(t.Context(), net.Dialer{}, "tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for i, step := range []struct {
		what string
		do   func()
		want int
	}{
		{"it is not known", func() {}, 1},
		{"it is remembered", func() { now = now.Add(around - time.Second) }, 1},
		{"it was long ago", func() { now = now.Add(time.Second) }, 2},
		{"the network is another", u.Changed, 3},
	} {
		step.do()
		dial()
		if bound != step.want {
			t.Errorf("step %d, %s: %d times bound, want %d", i, step.what, bound, step.want)
		}
	}
	if _, around := u.way(at.Addr()); !around {
		t.Error("it is not remembered")
	}
}

// Sockets that were closed are not kept.
func TestClosedAreForgotten(t *testing.T) {
	u := New(Options{})
	u.adapter = func(netip.Addr) string { return "" }
	for range 100 {
		c, err := net.ListenUDP("udp4", nil)
		if err != nil {
			t.Fatal(err)
		}
		u.Hold(c, netip.MustParseAddr("192.0.2.1"))
		c.Close()
	}
	if n := len(u.open); n > 1 {
		t.Errorf("%d are kept", n)
	}
}

// Without an Underlay sockets are plain.
func TestNone(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var u *Underlay
	u.Changed()
	c, err := u.DialTCP(t.Context(), net.Dialer{}, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
