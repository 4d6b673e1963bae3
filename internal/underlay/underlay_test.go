package underlay

import (
	"context"
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
	if !u.past(at.Addr()) {
		t.Error("it is not remembered")
	}
	// A dial that is given up says nothing.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := u.DialTCP(ctx, net.Dialer{}, "tcp", at.String()); err == nil {
		c.Close()
		t.Error("it is dialled in vain")
	}
	if !u.past(at.Addr()) {
		t.Error("it is not remembered after a dial that was given up")
	}
}

// A VPN that comes up while a socket is opened is seen, too.
func TestMeanwhile(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			u, asked := New(Options{}), 0
			name, by := "", ""
			changed := make(chan struct{})
			u.adapter = func(netip.Addr) (was string) {
				if asked++; asked == 1 { // that was before, and it is told of after
					name = "phys0"
					go func() { u.Changed(); close(changed) }()
					select {
					case <-changed:
					case <-time.After(time.Second):
					}
					return ""
				}
				return name
			}
			u.bind = func(_ syscall.RawConn, adapter string) error { by = adapter; return nil }
			u.point = func(_ syscall.RawConn, _ netip.Addr, adapter string) error { by = adapter; return nil }
			if network == "tcp" {
				c, err := u.DialTCP(t.Context(), net.Dialer{}, "tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			} else {
				c, err := net.ListenUDP("udp4", nil)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				u.Hold(c, netip.MustParseAddr("192.0.2.1"))
			}
			<-changed
			if by != "phys0" {
				t.Errorf("it goes by %q", by)
			}
		})
	}
}

// Where a name has several addresses, one that stays silent does not hold up the rest.
func TestSeveral(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u := New(Options{})
	u.adapter = func(netip.Addr) string { return "phys0" }
	u.bind = func(syscall.RawConn, string) error { return nil }
	silent, good := netip.MustParseAddrPort("192.0.2.1:443"), l.Addr().(*net.TCPAddr).AddrPort()
	ways, led := u.ways(net.Dialer{}, []netip.AddrPort{silent, good})
	for i := range ways {
		if ways[i].to == silent {
			ways[i].dialer.ControlContext = func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
				<-ctx.Done()
				return ctx.Err()
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, by, err := race(ctx, ways, "tcp")
	if err != nil || !led || by.to != good || !by.beside {
		t.Fatalf("%+v: %v", by, err)
	}
	c.Close()
}

// Sockets that were closed are not kept.
func TestClosedAreForgotten(t *testing.T) {
	u := New(Options{})
	u.adapter = func(netip.Addr) string { return "" }
	u.Ahead()
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
	u.Ahead()
	c, err := u.DialTCP(t.Context(), net.Dialer{}, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
