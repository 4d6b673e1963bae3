//go:build linux

package stack

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// mirror is a flow of datagrams that come back.
type mirror struct {
	c      chan []byte
	closed chan struct{}
	once   sync.Once
}

func newMirror() *mirror { return &mirror{c: make(chan []byte, 16), closed: make(chan struct{})} }

func (m *mirror) Send(b []byte) error {
	select {
	case m.c <- bytes.Clone(b):
	default:
	}
	return nil
}

func (m *mirror) Receive(ctx context.Context) ([]byte, error) {
	select {
	case b := <-m.c:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *mirror) Close() { m.once.Do(func() { close(m.closed) }) }

func dialUDP(t *testing.T, a netip.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", netip.AddrPortFrom(a, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(wait))
	return c
}

// listen has the socket report that a host is unreachable, as resolvers ask for;
// without it Linux reports only closed ports.
func listen(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_RECVERR, 1)
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	})
}

func TestDatagrams(t *testing.T) {
	flows := make(chan *mirror, 10)
	r := &router{packets: func(ctx context.Context, t front.Target) (front.Packets, error) {
		switch t.Host {
		case "wiki.example":
			m := newMirror()
			flows <- m
			return m, nil
		case "away.example":
			return nil, &wire.Problem{Code: wire.CodeAppUnreachable}
		}
		return nil, &wire.Problem{Code: wire.CodeDenied}
	}}
	start(t, r, nil)
	for i, a := range addresses(1) {
		c := dialUDP(t, a)
		for _, size := range []int{1, 1200, 40000} {
			sent := bytes.Repeat([]byte{byte(size)}, size)
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1<<16)
			n, err := c.Read(b)
			if err != nil || !bytes.Equal(b[:n], sent) {
				t.Fatalf("%v: %d bytes of %d came back (%v)", a, n, size, err)
			}
		}
		if len(r.calls()) != i+1 {
			t.Errorf("the router was asked %v: a flow is asked for once", r.calls())
		}
		// One that the carrier has ended is opened again by the next datagram.
		(<-flows).Close()
		eventually(t, "another flow", func() bool { c.Write([]byte("again")); return len(flows) > 0 })
		<-flows
		r.mu.Lock()
		r.asked = r.asked[:i+1]
		r.mu.Unlock()
	}
	for _, tt := range []struct {
		host byte
		want error
	}{{4, syscall.ECONNREFUSED}, {3, syscall.EHOSTUNREACH}, {77, syscall.EHOSTUNREACH}} {
		for _, a := range addresses(tt.host) {
			c := dialUDP(t, a)
			listen(t, c)
			c.Write([]byte("x"))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, tt.want) {
				t.Errorf("%v: %v, want %v", a, err, tt.want)
			}
		}
	}
}

// A refusal holds for a moment: not each datagram asks the router.
func TestRefusedDatagrams(t *testing.T) {
	r := &router{}
	start(t, r, nil)
	c := dialUDP(t, addresses(4)[0])
	for range 50 {
		c.Write([]byte("x"))
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("read: %v", err)
	}
	if n := len(r.calls()); n > 20 {
		t.Errorf("50 datagrams asked the router %d times", n)
	}
}

func TestIdleAndBoundsOfDatagrams(t *testing.T) {
	flows := make(chan *mirror, 100)
	r := &router{packets: func(context.Context, front.Target) (front.Packets, error) {
		m := newMirror()
		flows <- m
		return m, nil
	}}
	const bound = 3
	start(t, r, func(o *Options) { o.Idle, o.Flows = 5*time.Second, bound })
	refused := 0
	for range bound + 4 {
		c := dialUDP(t, addresses(1)[0])
		c.Write([]byte("x"))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, syscall.ECONNREFUSED) {
			refused++
		}
	}
	if len(flows) > bound+4 || refused == 0 {
		t.Errorf("%d flows were opened and %d refused, with a bound of %d", len(flows), refused, bound)
	}
	for range bound {
		select {
		case <-(<-flows).closed:
		case <-time.After(wait):
			t.Fatal("an idle flow is not closed")
		}
	}
}

func TestNetcatSpeaksUDP(t *testing.T) {
	start(t, &router{packets: func(context.Context, front.Target) (front.Packets, error) { return newMirror(), nil }}, nil)
	cmd := exec.CommandContext(t.Context(), "nc", "-nu", "-w", "2", addresses(1)[1].String(), "9")
	cmd.Stdin = strings.NewReader("ping\n")
	if out, err := cmd.CombinedOutput(); string(out) != "ping\n" {
		t.Errorf("nc: %v: %q", err, out)
	}
}

func TestPing(t *testing.T) {
	r := &router{echo: func(_ context.Context, t front.Target, payload int) error {
		switch t.Host {
		case "wiki.example":
			if payload == 56 || payload == wire.MaxEcho {
				return nil
			}
			return errors.New("of another size")
		case "away.example":
			return &wire.Problem{Code: wire.CodeAppUnreachable}
		}
		return &wire.Problem{Code: wire.CodeDenied}
	}}
	start(t, r, nil)
	for _, tt := range []struct {
		host byte
		arg  string
		want [2]string // IPv4, IPv6
	}{
		{1, "-s56", [2]string{"64 bytes from 100.96.0.1", "64 bytes from fd54:6964:6567::1"}},
		{1, "-s9000", [2]string{"9008 bytes from 100.96.0.1", "9008 bytes from fd54:6964:6567::1"}},
		{3, "-s56", [2]string{"Destination Host Unreachable", "Destination unreachable: Address unreachable"}},
		{4, "-s56", [2]string{"Host Prohibited", "Administratively prohibited"}},
		{77, "-s56", [2]string{"Destination Host Unreachable", "Destination unreachable: Address unreachable"}},
	} {
		for i, a := range addresses(tt.host) {
			out, _ := exec.CommandContext(t.Context(), "ping", "-n", "-c1", "-W20", tt.arg, a.String()).CombinedOutput()
			if !bytes.Contains(out, []byte(tt.want[i])) {
				t.Errorf("ping %s %v: %s", tt.arg, a, out)
			}
		}
	}
}

// The kernel's talk on a new link and what is sent to groups open nothing.
func TestNoise(t *testing.T) {
	r := &router{}
	start(t, r, nil)
	l, err := netlink.LinkByName("stack0")
	if err != nil {
		t.Fatal(err)
	}
	zone := "%" + strconv.Itoa(l.Attrs().Index) // names of zones are remembered for a while
	for _, to := range []string{"224.0.0.251:5353", "224.0.0.252:5355", "255.255.255.255:67", "[ff02::fb" + zone + "]:5353", "[ff02::1:3" + zone + "]:5355"} {
		cmd := exec.CommandContext(t.Context(), "ip", "route", "replace", "default", "dev", "stack0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ip: %v: %s", err, out)
		}
		a := netip.MustParseAddrPort(to)
		c, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1) })
		if _, err := c.WriteToUDPAddrPort([]byte("who is there?"), a); err != nil {
			t.Errorf("%v: %v", a, err)
		}
		c.Close()
	}
	// A ping comes behind all that.
	if out, err := exec.CommandContext(t.Context(), "ping", "-n", "-c1", "-W20", addresses(1)[0].String()).CombinedOutput(); err != nil {
		t.Errorf("ping: %v: %s", err, out)
	}
	for _, call := range r.calls() {
		if call.Protocol != wire.ICMP || call.Host != "wiki.example" {
			t.Errorf("the router was asked for %+v", call)
		}
	}
}
