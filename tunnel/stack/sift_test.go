//go:build linux

package stack

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// ip makes a packet of a header and what is behind it.
func ip(src, dst string, protocol byte, payload ...byte) []byte {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if s.Is4() {
		p := make([]byte, 20, 20+len(payload))
		p[0], p[8], p[9] = 0x45, 64, protocol
		binary.BigEndian.PutUint16(p[2:], uint16(20+len(payload)))
		copy(p[12:], s.AsSlice())
		copy(p[16:], d.AsSlice())
		return append(p, payload...)
	}
	p := make([]byte, 40, 40+len(payload))
	p[0], p[6], p[7] = 0x60, protocol, 64
	binary.BigEndian.PutUint16(p[4:], uint16(len(payload)))
	copy(p[8:], s.AsSlice())
	copy(p[24:], d.AsSlice())
	return append(p, payload...)
}

func TestSift(t *testing.T) {
	const us4, us6, app4, app6 = "100.96.255.1", "fd54::1", "100.96.0.1", "fd54::2"
	echo, eight := []byte{8, 0, 0, 0, 0, 1, 0, 1}, make([]byte, 8)
	with := func(p []byte, change func([]byte)) []byte { change(p); return p }
	for _, tt := range []struct {
		name   string
		packet []byte
		want   fate
	}{
		{"tcp", ip(us4, app4, 6, eight...), forStack},
		{"tcp6", ip(us6, app6, 6, eight...), forStack},
		{"udp", ip(us4, app4, 17, eight...), forStack},
		{"udp6", ip(us6, app6, 17, eight...), forStack},
		{"a fragment of udp6", ip(us6, app6, 44, 17, 0, 0, 0, 0, 0, 0, 1), forStack},
		{"echo", ip(us4, app4, 1, echo...), forEcho},
		{"echo6", ip(us6, app6, 58, 128, 0, 0, 0, 0, 1, 0, 1), forEcho},
		{"a closed port", ip(us4, app4, 1, 3, 3, 0, 0, 0, 0, 0, 0), forStack},
		{"a closed port6", ip(us6, app6, 58, 1, 4, 0, 0, 0, 0, 0, 0), forStack},
		{"echo that is short", ip(us4, app4, 1, 8, 0, 0), dropped},
		{"a fragment of echo", with(ip(us4, app4, 1, echo...), func(p []byte) { p[6] = 0x20 }), dropped},
		{"echo reply", ip(us4, app4, 1, eight...), dropped},
		{"redirect", ip(us4, app4, 1, 5, 1, 0, 0, 0, 0, 0, 0), dropped},
		{"IGMP", ip(us4, "224.0.0.22", 2, eight...), dropped},
		{"LLMNR", ip(us4, "224.0.0.252", 17, eight...), dropped},
		{"mDNS6", ip(us6, "ff02::fb", 17, eight...), dropped},
		{"MLD", ip("fe80::1", "ff02::16", 0, 58, 0, 5, 2, 0, 0, 1, 0), dropped},
		{"router solicitation", ip("fe80::1", "ff02::2", 58, 133, 0, 0, 0, 0, 0, 0, 0), dropped},
		{"neighbour solicitation", ip(us6, app6, 58, 135, 0, 0, 0, 0, 0, 0, 0), dropped},
		{"broadcast", ip(us4, "255.255.255.255", 17, eight...), dropped},
		{"DHCP", ip("0.0.0.0", "255.255.255.255", 17, eight...), dropped},
		{"to loopback", ip(us4, "127.0.0.1", 6, eight...), dropped},
		{"to link-local", ip(us4, "169.254.169.254", 6, eight...), dropped},
		{"from loopback", ip("127.0.0.1", app4, 6, eight...), dropped},
		{"from multicast", ip("224.0.0.1", app4, 6, eight...), dropped},
		{"from itself", ip(app4, app4, 6, eight...), dropped},
		{"mapped", ip(us6, "::ffff:10.0.0.1", 6, eight...), dropped},
		{"hop by hop", ip(us6, app6, 0, eight...), dropped},
		{"SCTP", ip(us4, app4, 132, eight...), dropped},
		{"GRE", ip(us4, app4, 47, eight...), dropped},
		{"shorter than it says", ip(us4, app4, 6, eight...)[:24], dropped},
		{"shorter than it says 6", ip(us6, app6, 6, eight...)[:44], dropped},
		{"a header of 16 bytes", with(ip(us4, app4, 6, eight...), func(p []byte) { p[0] = 0x44 }), dropped},
		{"ARP", make([]byte, 28), dropped},
		{"nothing", nil, dropped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := sift(tt.packet); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// Whatever comes from a device, the stack neither panics nor grows, and answers
// only with packets that are whole.
func FuzzPackets(f *testing.F) {
	seeds := [][]byte{
		ip("100.96.255.1", "100.96.0.1", 6, 200, 1, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 255, 255, 0, 0, 0, 0),
		ip("100.96.255.1", "100.96.0.1", 17, 200, 1, 0, 53, 0, 9, 0, 0, 1),
		ip("fd54::1", "fd54:6964:6567::1", 17, 200, 1, 0, 53, 0, 9, 0, 1, 1),
		ip("fd54::1", "fd54:6964:6567::1", 44, 17, 0, 0, 1, 0, 0, 0, 1, 1, 1),
		ip("100.96.255.1", "100.96.0.1", 1, 8, 0, 0, 0, 0, 1, 0, 1),
		ip("fd54::1", "fd54:6964:6567::3", 58, 128, 0, 0, 0, 0, 1, 0, 1),
		ip("100.96.255.1", "100.96.0.1", 1, 3, 3, 0, 0, 0, 0, 0, 0),
	}
	for _, s := range seeds {
		f.Add(s)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		f.Fatal(err)
	}
	near, far := os.NewFile(uintptr(pair[0]), "near"), os.NewFile(uintptr(pair[1]), "far")
	r := &router{carry: func(_ context.Context, o front.Offer) {
		if o.Target.Port%2 == 0 {
			o.Refuse(&wire.Problem{Code: wire.CodeAppUnreachable})
		} else if c, err := o.Accept(); err == nil {
			c.SetLinger(0)
			c.Close()
		}
	}}
	const bound = 32
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := New(Options{Device: far, Router: r, Names: names{}, Streams: bound, Held: bound, Flows: bound, Echoes: bound})
	go func() { ended <- s.Run(ctx) }()
	replies := make(chan struct{})
	go func() {
		defer close(replies)
		b := make([]byte, 1<<17)
		for {
			n, err := near.Read(b)
			if err != nil || n == 0 {
				return
			}
			if p := b[vnetHeader:n]; n > vnetHeader && p[0]>>4 == 4 && int(binary.BigEndian.Uint16(p[2:])) != len(p) {
				panic("a packet is not as long as it says")
			}
		}
	}()
	f.Cleanup(func() {
		cancel()
		<-ended
		near.Close()
		<-replies
	})
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 0 || len(p) > MTU {
			return
		}
		near.SetWriteDeadline(time.Now().Add(wait))
		if _, err := near.Write(append(make([]byte, vnetHeader), p...)); err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		r.asked = nil
		r.mu.Unlock()
		if n := runtime.NumGoroutine(); n > 200+4*4*bound {
			t.Fatalf("%d goroutines", n)
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it has ended: %v", err)
		default:
		}
	})
}
