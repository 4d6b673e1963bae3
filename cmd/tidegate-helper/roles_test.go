//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"github.com/tidegate/tidegate/internal/helper/client"
	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// The environment by which this test binary is another program: which one, and
// what it needs.
const (
	nsEnv   = "TIDEGATE_TEST_NETNS" // it has its own network already
	roleEnv = "TIDEGATE_TEST_ROLE"
	sockEnv = "TIDEGATE_TEST_SOCKET"
	argEnv  = "TIDEGATE_TEST_ARG"
)

// built is the program under test.
var built string

// TestMain runs everything in a network namespace that ends with the process.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		roles[role](client.Helper{Socket: os.Getenv(sockEnv)}, os.Getenv(argEnv))
		os.Exit(0)
	}
	if os.Getenv(nsEnv) == "" {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			fmt.Fprintln(os.Stderr, "make a network namespace (these tests want root):", err)
			os.Exit(1)
		}
		err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), nsEnv+"=1"))
		fmt.Fprintln(os.Stderr, "run the tests in it:", err)
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "helper")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = filepath.Join(dir, "tidegate-helper")
	out, err := exec.Command("go", "build", "-tags", "gles", "-buildvcs=false", "-o", built, ".").CombinedOutput()
	code := 1
	if err == nil {
		if err = network(); err == nil {
			code = m.Run()
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v: %s\n", err, out)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// network is a machine's: lo, and an Ethernet whose far end hears what leaves.
func network() error {
	for _, line := range []string{
		"link set lo up",
		"link add phys0 type veth peer name phys1",
		"link set phys0 up", "link set phys1 up",
		"addr add 192.168.7.2/24 dev phys0",
		"addr add fd00:7::2/64 dev phys0 nodad",
		"neigh add 192.168.7.1 lladdr 02:00:00:00:00:01 dev phys0",
		"neigh add fd00:7::1 lladdr 02:00:00:00:00:01 dev phys0",
		"route add default via 192.168.7.1",
		"-6 route add default via fd00:7::1",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	// The strictest machine: an answer has to come the way the question went.
	for _, name := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte("1"), 0); err != nil {
			return err
		}
	}
	return nil
}

var (
	pool4 = netip.MustParsePrefix("100.96.0.0/16")
	pool6 = netip.MustParsePrefix("fd54:6964:6567::/48")
	pools = []netip.Prefix{pool4, pool6}
	app4  = netip.MustParseAddr("100.96.0.5")
	app6  = netip.MustParseAddr("fd54:6964:6567::5")
)

// roles are the programs.
var roles = map[string]func(client.Helper, string){
	"client":   beClient,
	"open":     beOpen,
	"close":    beClose,
	"send":     beSend,
	"cast":     beCast,
	"dial":     beDial,
	"confined": beConfined,
	"answerer": beAnswerer,
	"vpn":      beVPN,
	"attach":   beAttached,
	"sense":    beHearer,
	"hold":     beHolder,
}

// code is an error as one word.
func code(err error) string {
	var refusal *protocol.Refusal
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refusal):
		return string(refusal.Code)
	case errors.Is(err, client.ErrAbsent):
		return "absent"
	}
	return "error: " + err.Error()
}

// beClient has a device, answers each datagram that comes by it with itself,
// and says "ready"; it applies the routes of each line it is told, and the
// networks, which have a plus before them, "inject" writes a datagram from one
// address to another to the device, "close" undoes all, and the end of its input
// ends it.
func beClient(h client.Helper, _ string) {
	ctx := context.Background()
	d, err := h.OpenTUN(ctx)
	if err == nil {
		_, err = h.ApplyRoutes(ctx, pools, nil)
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, caps, _ := strings.Cut(string(status), "CapEff:\t")
	caps, _, _ = strings.Cut(caps, "\n")
	if err != nil {
		fmt.Println(code(err))
		return
	}
	fmt.Println("ok", d.Name, d.MTU, d.Addr4, d.Addr6, caps)
	go mirror(d.File)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "close" {
			fmt.Println(code(h.Close(ctx)))
			continue
		}
		if arg, ok := strings.CutPrefix(in.Text(), "inject "); ok {
			_, err := d.File.Write(forged(arg))
			fmt.Println(code(err))
			continue
		}
		var routes, networks []netip.Prefix
		for _, f := range strings.Fields(in.Text()) {
			if n, ok := strings.CutPrefix(f, "+"); ok {
				networks = append(networks, netip.MustParsePrefix(n))
			} else {
				routes = append(routes, netip.MustParsePrefix(f))
			}
		}
		left, err := h.ApplyRoutes(ctx, routes, networks)
		answer := code(err)
		for _, why := range slices.Sorted(maps.Keys(left)) {
			answer += fmt.Sprintf(" %s %v", why, left[why])
		}
		fmt.Println(answer)
	}
}

// forged is a datagram as the device takes it; arg has the address that it says
// it is from, and where it goes.
func forged(arg string) []byte {
	from, to, _ := strings.Cut(arg, " ")
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	const text = "forged"
	p := make([]byte, 10+28, 10+28+len(text))
	ip, udp := p[10:], p[30:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], 28+uint16(len(text)))
	copy(ip[12:], src.Addr().AsSlice())
	copy(ip[16:], dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(ip[10:], ^checksum.Checksum(ip[:20], 0))
	binary.BigEndian.PutUint16(udp, src.Port())
	binary.BigEndian.PutUint16(udp[2:], dst.Port())
	binary.BigEndian.PutUint16(udp[4:], 8+uint16(len(text))) // without a sum, as it may be
	return append(p, text...)
}

// mirror sends datagrams back: with ends exchanged their sums still hold.
func mirror(f *os.File) {
	b := make([]byte, 70000)
	swap := func(p []byte, n int) {
		for i := range n {
			p[i], p[n+i] = p[n+i], p[i]
		}
	}
	for {
		n, err := f.Read(b)
		if err != nil {
			return
		}
		p := b[10:n]
		switch {
		case len(p) >= 28 && p[0] == 0x45 && p[9] == 17:
			swap(p[12:], 4)
			swap(p[20:], 2)
		case len(p) >= 48 && p[0]>>4 == 6 && p[6] == 17:
			swap(p[8:], 16)
			swap(p[40:], 2)
		default:
			continue
		}
		f.Write(b[:n])
	}
}

// beOpen opens and closes devices, arg times, and says how the last went.
func beOpen(h client.Helper, arg string) {
	times := 1
	fmt.Sscan(arg, &times)
	for range times {
		d, err := h.OpenTUN(context.Background())
		if err != nil {
			fmt.Println(code(err))
			return
		}
		d.File.Close()
	}
	fmt.Println("ok")
}

func beClose(h client.Helper, _ string) { fmt.Println(code(h.Close(context.Background()))) }

// beSend sends a datagram, from an address if there are two, and says whether
// it came back.
func beSend(_ client.Helper, arg string) { send(arg, 3, time.Second) }

// beDial begins a TCP connection, and says whether it was refused.
func beDial(_ client.Helper, arg string) {
	_, err := net.DialTimeout("tcp", net.JoinHostPort(arg, "80"), 30*time.Second)
	var slow net.Error
	switch {
	case err == nil:
		fmt.Println("there")
	case errors.As(err, &slow) && slow.Timeout():
		fmt.Println("nothing")
	default:
		fmt.Println("refused:", err)
	}
}

// beCast is beSend for what is to come to nothing: it does not wait for long.
func beCast(_ client.Helper, arg string) { send(arg, 1, 200*time.Millisecond) }

func send(arg string, times int, patience time.Duration) {
	to, from, _ := strings.Cut(arg, " ")
	d := net.Dialer{}
	if from != "" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))
	}
	c, err := d.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr(to), 9).String())
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	for range times { // one is lost while the network's own talk fills a queue
		if _, err = c.Write([]byte("who is there?")); err != nil {
			fmt.Println("error:", err)
			return
		}
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err = c.Read(make([]byte, 64)); err == nil {
			fmt.Println("echo")
			return
		}
	}
	fmt.Println("nothing:", err)
}

// ear hears what leaves this machine by its Ethernet.
type ear struct {
	t    *testing.T
	fd   int
	nets []netip.Prefix // that it listens for
}

func listenAt(t *testing.T, name string) *ear {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.Attrs().Index})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &ear{t, fd, pools}
}

// heard counts the packets to its networks that have left since the last call, or
// asked where such an address is.
func (e *ear) heard() (n int) {
	b := make([]byte, 70000)
	for {
		size, _, err := unix.Recvfrom(e.fd, b, 0)
		if errors.Is(err, unix.EAGAIN) {
			return n
		}
		if err != nil {
			e.t.Fatal(err)
		}
		if size < 14 {
			continue
		}
		p := b[14:size]
		var to netip.Addr
		switch binary.BigEndian.Uint16(b[12:]) {
		case unix.ETH_P_IP:
			to = netip.AddrFrom4([4]byte(p[16:]))
		case unix.ETH_P_ARP:
			to = netip.AddrFrom4([4]byte(p[24:]))
		case unix.ETH_P_IPV6:
			to = netip.AddrFrom16([16]byte(p[24:]))
		}
		if slices.ContainsFunc(e.nets, func(p netip.Prefix) bool { return p.Contains(to) }) {
			n++
		}
	}
}
