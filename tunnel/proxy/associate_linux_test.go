package proxy

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// udpEcho answers each datagram with itself, and says what it got.
func udpEcho(t *testing.T) (addr string, got chan string) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	got = make(chan string, 1000)
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			got <- string(b[:n])
			c.WriteTo(b[:n], from)
		}
	}()
	return c.LocalAddr().String(), got
}

// udpAssociate asks for an association and returns where datagrams go.
func udpAssociate(t *testing.T, p *Proxy, port uint16) (net.Conn, netip.AddrPort) {
	t.Helper()
	c := dialProxy(t, p)
	c.Write(binary.BigEndian.AppendUint16([]byte{5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0}, port))
	b := make([]byte, 12)
	if _, err := io.ReadFull(c, b); err != nil || b[3] != 0 {
		t.Fatalf("%v, %v", b, err)
	}
	return c, netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[6:10])), binary.BigEndian.Uint16(b[10:]))
}

func TestAssociate(t *testing.T) {
	r := newRouter()
	addr, got := udpEcho(t)
	r.lead("dns.corp", 53, wire.UDP, addr)
	r.lead("fd00::53", 53, wire.UDP, addr)
	r.says[front.Target{Host: "denied.corp", Port: 53, Protocol: wire.UDP}] = &wire.Problem{Code: wire.CodeDenied, Title: "no"}
	p := start(t, r)
	control, relay := udpAssociate(t, p, 0)
	program, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(relay))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	program.SetDeadline(time.Now().Add(30 * time.Second))
	b := make([]byte, 64<<10)
	for _, host := range []string{"denied.corp", "example.com", "dns.corp", "fd00::53"} {
		to := front.Target{Host: host, Port: 53, Protocol: wire.UDP}
		program.Write(append([]byte{0, 0, 1}, datagram(to, []byte("a fragment"))[3:]...))
		program.Write(datagram(to, []byte("query to "+host)))
		if _, leads := r.leads[to]; !leads {
			continue
		}
		n, err := program.Read(b)
		from, payload, perr := parseDatagram(b[:n])
		if err != nil || perr != nil || from != to || string(payload) != "query to "+host {
			t.Errorf("%v %q, %v, %v", from, payload, err, perr)
		}
	}
	// Another socket of this user is not of this association.
	other, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(relay))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.Write(datagram(front.Target{Host: "dns.corp", Port: 53}, []byte("of another socket")))
	// A datagram that is too large for one flow is dropped, and what follows is not.
	program.Write(datagram(front.Target{Host: "dns.corp", Port: 53}, make([]byte, maxDatagram+1)))
	program.Write(datagram(front.Target{Host: "dns.corp", Port: 53}, []byte("last")))
	var all []string
	for last := ""; last != "last"; all = append(all, last) {
		last = <-got
	}
	if want := "query to dns.corp,query to fd00::53,last"; strings.Join(all, ",") != want {
		t.Errorf("%q", all)
	}
	control.Close() // and the relay goes
	for end := time.Now().Add(30 * time.Second); ; {
		c, err := net.ListenPacket("udp4", relay.String())
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Datagrams of another user's process are dropped.
func TestDatagramsOfOthers(t *testing.T) {
	r := newRouter()
	addr, got := udpEcho(t)
	r.lead("dns.corp", 53, wire.UDP, addr)
	p := start(t, r)
	_, relay := udpAssociate(t, p, 0)
	nc := exec.Command("nc", "-u", "-w", "1", relay.Addr().String(), strconv.Itoa(int(relay.Port())))
	nc.Stdin = strings.NewReader(string(datagram(front.Target{Host: "dns.corp", Port: 53}, []byte("of another user"))))
	nc.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := nc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	program, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(relay))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	program.Write(datagram(front.Target{Host: "dns.corp", Port: 53}, []byte("mine")))
	if s := <-got; s != "mine" {
		t.Errorf("%q came through", s)
	}
}

func TestOwnsUDP(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:9")
	for _, network := range []string{"udp4", "udp"} { // the second takes IPv6 too, and says so
		c, err := net.ListenPacket(network, ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := uint16(c.LocalAddr().(*net.UDPAddr).Port)
		from := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		if err := ownsUDP(from, at); err != nil {
			t.Errorf("%s: %v", network, err)
		}
		c.Close()
		if err := ownsUDP(from, at); err == nil {
			t.Errorf("%s: a socket that is closed is ours", network)
		}
	}
	if err := ownsUDP(netip.MustParseAddrPort("192.0.2.1:1"), at); err == nil {
		t.Error("another machine's is ours")
	}
}
