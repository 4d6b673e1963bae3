package netwatch

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inNamespace runs the test again in a network of its own: root makes one for
// it, anybody else by way of a user namespace. It says whether this is the inner run.
func inNamespace(t *testing.T) bool {
	const mark = "NETWATCH_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in a network namespace: %v\n%s", err, out)
	}
	return false
}

// The kernel's own messages, in a network that is made for it.
func TestKernelTells(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	link := func(name string) netlink.Link {
		l, err := netlink.LinkByName(name)
		must(err)
		return l
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan Change, 100)
	ended := make(chan error, 1)
	w := New(Options{Ignore: func(name string) bool { return name == "own0" }})
	go func() { ended <- w.Run(ctx, func(c Change) { changes <- c }) }()
	await := func(what string, up bool) {
		t.Helper()
		for {
			select {
			case c := <-changes:
				if c.Network && c.Up == up {
					return
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("nothing was told of %s", what)
			}
		}
	}
	quiet := func(what string) {
		t.Helper()
		select {
		case c := <-changes:
			t.Errorf("%s was told: %+v", what, c)
		case <-time.After(10 * Settle):
		}
	}
	time.Sleep(100 * time.Millisecond) // the first look
	for _, pair := range [][2]string{{"a0", "a1"}, {"own0", "own1"}} {
		must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: pair[0]}, PeerName: pair[1]}))
		must(netlink.LinkSetUp(link(pair[1])))
	}
	quiet("a link without an address")
	addr := func(s string) *netlink.Addr {
		a, err := netlink.ParseAddr(s)
		must(err)
		return a
	}
	must(netlink.LinkSetUp(link("a0")))
	must(netlink.AddrAdd(link("a0"), addr("192.0.2.7/24")))
	await("an address", true)
	must(netlink.RouteAdd(&netlink.Route{LinkIndex: link("a0").Attrs().Index, Gw: net.IPv4(192, 0, 2, 1)}))
	await("a default route", true)
	_, other, _ := net.ParseCIDR("198.51.100.0/24")
	must(netlink.RouteAdd(&netlink.Route{LinkIndex: link("a0").Attrs().Index, Gw: net.IPv4(192, 0, 2, 1), Dst: other}))
	quiet("a route to somewhere")
	must(netlink.LinkSetUp(link("own0")))
	must(netlink.AddrAdd(link("own0"), addr("10.1.0.1/24")))
	must(netlink.RouteAdd(&netlink.Route{LinkIndex: link("own0").Attrs().Index, Gw: net.IPv4(10, 1, 0, 2), Table: 51}))
	quiet("our own interface")
	must(netlink.AddrAdd(link("a0"), addr("2001:db8::7/64")))
	await("an IPv6 address", true)
	must(netlink.LinkSetDown(link("a1")))
	await("a link without a carrier", false)
	must(netlink.LinkSetUp(link("a1")))
	await("a link with a carrier", true)
	must(netlink.LinkDel(link("a0")))
	await("the link's end", false)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The timer of the clock that includes sleep beats, and stops.
func TestBeats(t *testing.T) {
	t.Parallel()
	each, stop := beats()
	defer stop()
	select {
	case <-each:
	case <-time.After(time.Minute):
		t.Error("it does not beat")
	}
}

func TestClocksAgreeWhileAwake(t *testing.T) {
	b, a := clocks()
	c, d := clocks()
	if e := (c - b) - (d - a); e < -slept || e > slept {
		t.Errorf("they differ by %v", e)
	}
}

func message(kind uint16, data ...byte) syscall.NetlinkMessage {
	return syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: kind}, Data: data}
}

func FuzzMessages(f *testing.F) {
	b := make([]byte, unix.SizeofRtMsg)
	b[0], b[7] = unix.AF_INET, unix.RTN_UNICAST
	b = binary.NativeEndian.AppendUint16(b, 8)
	b = binary.NativeEndian.AppendUint16(b, unix.RTA_OIF)
	b = binary.NativeEndian.AppendUint32(b, 2)
	b = binary.NativeEndian.AppendUint16(b, 12)
	b = binary.NativeEndian.AppendUint16(b, unix.RTA_MULTIPATH)
	b = binary.NativeEndian.AppendUint16(b, 8)
	b = append(b, 0, 0, 1, 0, 0, 0)
	f.Add(b)
	f.Add([]byte{2, 24, 0, 0, 2, 0, 0, 0, 8, 0, 2, 0, 192, 0, 2, 7})
	f.Add(make([]byte, unix.SizeofIfInfomsg+3))
	f.Fuzz(func(t *testing.T, b []byte) {
		matters(b)
		p := draw(
			[]syscall.NetlinkMessage{message(unix.RTM_NEWLINK, b...)},
			[]syscall.NetlinkMessage{message(unix.RTM_NEWADDR, b...)},
			[]syscall.NetlinkMessage{message(unix.RTM_NEWROUTE, b...)}, func(string) bool { return false })
		if len(decodeRoute(message(unix.RTM_NEWROUTE, b...))) > len(b)/unix.SizeofRtNexthop+1 {
			t.Error("more hops than there is room for")
		}
		if !p.equal(p) {
			t.Error("it differs from itself")
		}
	})
}
