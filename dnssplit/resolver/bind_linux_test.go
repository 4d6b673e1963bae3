package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

// machine is a namespace with two adapters, each of which leads to a server that
// has the same address and tells another one.
type machine struct {
	*netlab.Space
	dns string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	space := func() *netlab.Space {
		s, err := netlab.NewSpace()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	m := &machine{Space: space(), dns: "10.9.0.1:53"}
	for i, dev := range []string{"phys0", "vpn0"} {
		peer := space()
		at := fmt.Sprintf("10.%d.0.", 50+i)
		err := errors.Join(
			netlab.Connect(netlab.Wire{Space: m.Space, Name: dev, Address: netip.MustParsePrefix(at + "10/24")},
				netlab.Wire{Space: peer, Name: "p0", Address: netip.MustParsePrefix(at + "1/24")}),
			peer.Address("lo", netip.MustParsePrefix("10.9.0.1/32"), true))
		if err != nil {
			t.Fatal(err)
		}
		var conn net.PacketConn
		if err := peer.Do(func() (err error) { conn, err = net.ListenPacket("udp4", m.dns); return err }); err != nil {
			t.Fatal(err)
		}
		s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			a := new(dns.Msg).SetReply(q)
			a.Answer = rr(t, fmt.Sprintf("%s 0 IN TXT %s", q.Question[0].Name, dev))
			w.WriteMsg(a)
		})}
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go s.ActivateAndServe()
		<-up
		t.Cleanup(func() { s.Shutdown() })
	}
	// The network's own default route stands behind the VPN's, as NetworkManager has it.
	m.run(t, "ip", "route", "add", "default", "via", "10.51.0.1", "dev", "vpn0")
	m.run(t, "ip", "route", "add", "default", "via", "10.50.0.1", "dev", "phys0", "metric", "600")
	return m
}

func (m *machine) run(t *testing.T, command ...string) {
	t.Helper()
	var out strings.Builder
	c := exec.Command(command[0], command[1:]...)
	c.Stdout, c.Stderr = &out, &out
	if err := m.Start(c); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, &out)
	}
}

// That the system lets only root bind a socket is not taken for rules of another
// program that keep traffic in its tunnel.
func TestMayNotBind(t *testing.T) {
	told := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // which ends with it, as its capabilities are gone
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Capset(&header, &make([]unix.CapUserData, 2)[0])
		}
		if err == nil {
			err = bindTo(uintptr(fd), "udp4", "lo")
		}
		if err == nil { // newer systems let anybody do it, once
			err = bindTo(uintptr(fd), "udp4", "lo")
		}
		told <- err
	}()
	if err := <-told; !blocked(err) || errors.Is(err, syscall.EPERM) {
		t.Errorf("told %v", err)
	}
}

// Sockets leave by the adapter that they are bound to, though a VPN has the routes;
// where that cannot be, by the routes, and it is told why.
func TestBound(t *testing.T) {
	m := newMachine(t)
	told := make(chan error, 100)
	r := New(Options{Zone: somePool(), Bound: func(device string, err error) { told <- err }})
	dial := r.forward.connect
	r.forward.connect = func(ctx context.Context, network, server, device string) (conn net.Conn, err error) {
		err = m.Do(func() (err error) { conn, err = dial(ctx, network, server, device); return err })
		return conn, err
	}
	server := serve(t, r)
	asks := func(want string) {
		t.Helper()
		a := lookup(t, "udp", server, question(fmt.Sprintf("n%d.example.", time.Now().UnixNano()), dns.TypeTXT))
		if len(a.Answer) != 1 || a.Answer[0].(*dns.TXT).Txt[0] != want {
			t.Errorf("asked by another adapter than %s: %v", want, a)
		}
	}
	tells := func(want error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		select {
		case err := <-told:
			if !errors.Is(err, want) {
				t.Errorf("told %v, want %v", err, want)
			}
		case <-ctx.Done():
			t.Errorf("nothing told, want %v", want)
		}
	}
	by := func(device string) []Upstream {
		return []Upstream{{Servers: []netip.AddrPort{netip.MustParseAddrPort(m.dns)}, Device: device}}
	}
	r.Forward(by(""))
	asks("vpn0")
	r.Forward(by("phys0"))
	asks("phys0")

	// What a VPN's enforcement of traffic does.
	m.run(t, "nft", "add table inet enforce; add chain inet enforce out { type filter hook output priority 0; policy drop; }; add rule inet enforce out oifname \"vpn0\" accept")
	r.Flush()
	asks("vpn0")
	tells(syscall.EPERM)
	m.run(t, "nft", "delete table inet enforce")
	r.Flush()
	asks("phys0")
	tells(nil)

	r.Forward(by("phys7"))
	asks("vpn0")
	tells(syscall.ENODEV)
	if len(told) != 0 {
		t.Errorf("then told %v", <-told)
	}
}
