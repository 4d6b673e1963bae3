package netwatch

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
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

// kernel is a Watcher of the network that the test is in.
type kernel struct {
	*testing.T
	changes chan seen
}

// seen is a change, and the picture that made it one.
type seen struct {
	Change
	then picture
}

func ours(name string) bool { return name == "own0" }

// watch starts one, which ends with the test. It does not count own0.
func watch(t *testing.T) kernel {
	k := kernel{t, make(chan seen, 1000)}
	w := New(Options{Ignore: ours})
	var s *recorder
	looked := make(chan struct{})
	w.open = func(ignore func(string) bool) (source, error) {
		from, err := openSource(ignore)
		s = &recorder{source: from, looked: looked}
		return s, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, func(c Change) { k.changes <- seen{c, s.last} }) }()
	<-looked
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return k
}

// recorder keeps the last picture, for Run's goroutine alone.
type recorder struct {
	source
	last   picture
	once   sync.Once
	looked chan struct{} // closed after the first
}

func (r *recorder) picture() (p picture, err error) {
	defer r.once.Do(func() { close(r.looked) })
	p, err = r.source.picture()
	r.last = p
	return p, err
}

func (k kernel) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// await waits for the change that comes of all that was done.
func (k kernel) await(what string, up bool) {
	k.Helper()
	for {
		select {
		case c := <-k.changes:
			now, err := (&listener{ignore: ours}).picture()
			k.must(err)
			if c.Network && c.Up == up && c.then.equal(now) {
				return
			}
		case <-time.After(30 * time.Second):
			k.Fatalf("nothing was told of %s", what)
		}
	}
}

func (k kernel) quiet(what string) {
	k.Helper()
	select {
	case c := <-k.changes:
		k.Errorf("%s was told: %+v", what, c)
	case <-time.After(10 * Settle):
	}
}

func (k kernel) link(name string) netlink.Link {
	k.Helper()
	l, err := netlink.LinkByName(name)
	k.must(err)
	return l
}

func (k kernel) addr(s string) *netlink.Addr {
	k.Helper()
	a, err := netlink.ParseAddr(s)
	k.must(err)
	return a
}

// pair makes a link whose far end is up.
func (k kernel) pair(near, far string) {
	k.Helper()
	k.must(netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: near}, PeerName: far}))
	k.must(netlink.LinkSetUp(k.link(far)))
}

// to is a route by a link.
func (k kernel) to(prefix, link, gateway string) *netlink.Route {
	k.Helper()
	r := &netlink.Route{LinkIndex: k.link(link).Attrs().Index, Gw: net.ParseIP(gateway)}
	if prefix != "" {
		_, dst, err := net.ParseCIDR(prefix)
		k.must(err)
		r.Dst = dst
	}
	return r
}

// The kernel's own messages, in a network that is made for it.
func TestKernelTells(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	k := watch(t)
	k.pair("a0", "a1")
	k.pair("own0", "own1")
	k.quiet("a link without an address")
	k.must(netlink.LinkSetUp(k.link("a0")))
	k.must(netlink.AddrAdd(k.link("a0"), k.addr("192.0.2.7/24")))
	k.await("an address", true)
	k.must(netlink.RouteAdd(k.to("", "a0", "192.0.2.1")))
	k.await("a default route", true)
	k.must(netlink.AddrAdd(k.link("a0"), k.addr("2001:db8::7/64")))
	k.await("an IPv6 address", true)
	k.must(netlink.LinkSetDown(k.link("a1")))
	k.await("a link without a carrier", false)
	k.must(netlink.LinkSetUp(k.link("a1")))
	k.await("a link with a carrier", true)
	k.must(netlink.LinkDel(k.link("a0")))
	k.await("the link's end", false)
}

// A route to a gateway alone may move, as VPNs and policy routers have it.
func TestRoutesAreTold(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	k := watch(t)
	for i, name := range []string{"a", "b", "own"} {
		k.pair(name+"0", name+"1")
		k.must(netlink.LinkSetUp(k.link(name + "0")))
		k.must(netlink.AddrAdd(k.link(name+"0"), k.addr(fmt.Sprintf("192.0.%d.7/24", i))))
		k.must(netlink.AddrAdd(k.link(name+"0"), &netlink.Addr{IPNet: k.addr(fmt.Sprintf("2001:db8:%d::7/64", i)).IPNet, Flags: unix.IFA_F_NODAD}))
	}
	k.must(netlink.RouteAdd(k.to("", "a0", "192.0.0.1")))
	k.await("the links", true)
	for _, gate := range []struct{ to, a, b string }{
		{"10.76.0.1/32", "192.0.0.1", "192.0.1.1"},
		{"2001:db8:76::1/128", "2001:db8::1", "2001:db8:1::1"},
	} {
		k.must(netlink.RouteAdd(k.to(gate.to, "a0", gate.a)))
		k.await("a route to "+gate.to, true)
		k.must(netlink.RouteReplace(k.to(gate.to, "a0", gate.a)))
		k.quiet("a route that is the same")
		k.must(netlink.RouteReplace(k.to(gate.to, "b0", gate.b)))
		k.await("that it leads elsewhere", true)
		k.must(netlink.RouteDel(k.to(gate.to, "b0", gate.b)))
		k.await("its end", true)
	}
	// What leads to programs is ours, in a table of its own, with what is in its way.
	for _, to := range []string{"100.96.0.0/16", "0.0.0.0/0"} {
		for _, table := range []int{unix.RT_TABLE_MAIN, 51} {
			r := k.to(to, "own0", "")
			r.Table, r.Scope, r.Priority = table, netlink.SCOPE_LINK, 7
			k.must(netlink.RouteAdd(r))
		}
	}
	blocked := k.to("100.96.0.0/16", "a0", "")
	blocked.LinkIndex, blocked.Type, blocked.Priority = 0, unix.RTN_UNREACHABLE, 1<<30
	k.must(netlink.RouteAdd(blocked))
	rule := func(table int) *netlink.Rule {
		r := netlink.NewRule()
		r.Family, r.Priority, r.Table, r.UIDRange = netlink.FAMILY_V4, 100+table, table, netlink.NewRuleUIDRange(1000, 1000)
		return r
	}
	k.must(netlink.RuleAdd(rule(51)))
	k.must(netlink.LinkSetDown(k.link("own0")))
	k.quiet("our own interface")
	// Others' rules say which routes hold.
	r := k.to("10.76.0.0/24", "b0", "192.0.1.1")
	r.Table = 76
	k.must(netlink.RouteAdd(r))
	k.await("a route in a table", true)
	k.must(netlink.RuleAdd(rule(76)))
	k.await("a rule", true)
	k.must(netlink.RuleDel(rule(76)))
	k.await("a rule's end", true)
	// A link that packets go to no further.
	k.pair("c0", "c1")
	k.must(netlink.LinkSetUp(k.link("c0")))
	k.quiet("a link of a container")
}

// Routes that come and go without end are told of now and then.
func TestManyRoutes(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	k := watch(t)
	k.pair("a0", "a1")
	k.must(netlink.LinkSetUp(k.link("a0")))
	k.must(netlink.AddrAdd(k.link("a0"), k.addr("192.0.2.7/24")))
	k.await("the link", true)
	began := time.Now()
	n := 0
	for time.Since(began) < 3*time.Second {
		for range 64 {
			k.must(netlink.RouteReplace(k.to(fmt.Sprintf("10.%d.%d.0/24", n>>8&0xff, n&0xff), "a0", "192.0.2.1")))
			n++
		}
	}
	most := burst + 2 + int(time.Since(began)/Each)
	if told := len(k.changes); told == 0 || told > most {
		t.Errorf("%d changes were told of, of %d; at most %d were due", told, n, most)
	}
	k.must(netlink.LinkDel(k.link("a0")))
	k.await("the link's end", false)
}

// The timer of the clock that includes sleep beats, and stops.
func TestBeats(t *testing.T) {
	t.Parallel()
	each, stop := beats(beat)
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
			[]syscall.NetlinkMessage{message(unix.RTM_NEWROUTE, b...)},
			[]syscall.NetlinkMessage{message(unix.RTM_NEWRULE, b...)}, func(string) bool { return false })
		if len(decodeRoute(message(unix.RTM_NEWROUTE, b...))) > len(b)/unix.SizeofRtNexthop+1 {
			t.Error("more hops than there is room for")
		}
		if !p.equal(p) {
			t.Error("it differs from itself")
		}
	})
}
