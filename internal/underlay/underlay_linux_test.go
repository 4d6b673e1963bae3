package underlay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/netlab"
)

// clientEnv makes this test binary the client of a network.
const clientEnv = "TIDEGATE_UNDERLAY_CLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(clientEnv) != "" {
		client(os.Stdin, os.Stdout)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// client does what each line says and answers with a line: what a server has seen.
func client(in io.Reader, out io.Writer) {
	u, began := New(Options{}), time.Now()
	u.now = func() time.Time { return began }
	conns := map[string]net.Conn{}
	ask := func(c net.Conn) string {
		b := make([]byte, 100)
		for range 20 {
			if _, err := c.Write([]byte("?")); err != nil {
				return err.Error()
			}
			c.SetReadDeadline(time.Now().Add(time.Second))
			if n, err := c.Read(b); err == nil {
				return string(b[:n])
			} else if c.RemoteAddr().Network() == "tcp" && !errors.Is(err, os.ErrDeadlineExceeded) {
				return err.Error()
			}
		}
		return "nothing"
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		word := strings.Fields(lines.Text())
		answer := "ok"
		switch word[0] {
		case "changed":
			u.Changed()
		case "ahead":
			u.Ahead()
		case "tcp", "udp", "udp4":
			c, err := open(u, word[0], word[2])
			if err != nil {
				answer = err.Error()
				break
			}
			conns[word[1]] = c
			answer = ask(c)
		case "again":
			answer = ask(conns[word[1]])
		}
		fmt.Fprintln(out, strings.ReplaceAll(answer, "\n", " "))
	}
}

func open(u *Underlay, network, to string) (net.Conn, error) {
	at := netip.MustParseAddrPort(to)
	if network == "tcp" {
		return u.DialTCP(context.Background(), net.Dialer{Timeout: time.Minute}, "tcp", to)
	}
	c, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, err
	}
	u.Hold(c, at.Addr())
	return talking{c, at}, nil
}

// talking is a socket that talks to one address, and is not connected to it.
type talking struct {
	*net.UDPConn
	to netip.AddrPort
}

func (t talking) RemoteAddr() net.Addr        { return net.UDPAddrFromAddrPort(t.to) }
func (t talking) Write(b []byte) (int, error) { return t.WriteToUDPAddrPort(b, t.to) }
func (t talking) Read(b []byte) (n int, err error) {
	n, _, err = t.ReadFromUDPAddrPort(b)
	return n, err
}

// world is a client at a network, and behind it servers; one more is reached by a
// tunnel, which leads to the first ones too.
//
//	near ── phys0 10.50.0.0/24 ── away: 10.60.0.1
//	  └──── tun0  10.8.0.0/24 ─── beyond: 10.60.0.1, 10.70.0.1
type world struct {
	t                  *testing.T
	near, away, beyond *netlab.Space
	in                 io.Writer
	out                *bufio.Scanner
}

var (
	both   = netip.MustParseAddr("10.60.0.1") // is reached by both
	inside = netip.MustParseAddr("10.70.0.1") // by the tunnel alone
	here   = netip.MustParsePrefix("10.50.0.1/24")
	router = netip.MustParsePrefix("10.50.0.2/24")
	mine   = netip.MustParsePrefix("10.8.0.2/24")
	theirs = netip.MustParsePrefix("10.8.0.1/24")
)

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	for _, s := range []**netlab.Space{&w.near, &w.away, &w.beyond} {
		made, err := netlab.NewSpace()
		w.must(err)
		t.Cleanup(func() { made.Close() })
		*s = made
	}
	w.must(netlab.Connect(netlab.Wire{Space: w.near, Name: "phys0", Address: here}, netlab.Wire{Space: w.away, Name: "a1", Address: router}))
	w.must(w.near.Route(netip.Prefix{}, router.Addr(), "phys0"))
	for _, s := range []*netlab.Space{w.away, w.beyond} {
		w.must(s.Address("lo", netip.PrefixFrom(both, 32), true))
		w.serve(s, both)
	}
	w.must(w.beyond.Address("lo", netip.PrefixFrom(inside, 32), true))
	w.serve(w.beyond, inside)

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), clientEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	w.must(err)
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(w.near.Start(cmd))
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	w.in, w.out = in, bufio.NewScanner(out)
	return w
}

// serve answers each byte by who has sent it.
func (w *world) serve(s *netlab.Space, at netip.Addr) {
	w.must(s.Do(func() error {
		l, err := net.Listen("tcp4", netip.AddrPortFrom(at, 443).String())
		if err != nil {
			return err
		}
		p, err := net.ListenPacket("udp4", netip.AddrPortFrom(at, 443).String())
		if err != nil {
			return err
		}
		w.t.Cleanup(func() { l.Close(); p.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					for b := make([]byte, 1); ; {
						if _, err := c.Read(b); err != nil {
							return
						}
						fmt.Fprint(c, host(c.RemoteAddr()))
					}
				}()
			}
		}()
		go func() {
			for b := make([]byte, 100); ; {
				_, from, err := p.ReadFrom(b)
				if err != nil {
					return
				}
				p.WriteTo([]byte(host(from)), from)
			}
		}()
		return nil
	}))
}

func host(a net.Addr) string {
	h, _, _ := net.SplitHostPort(a.String())
	return h
}

// connect brings the tunnel up, which leads to all that has no better way.
func (w *world) connect() {
	w.t.Helper()
	var ends [2]*os.File
	for i, s := range []*netlab.Space{w.near, w.beyond} {
		w.must(s.Do(func() (err error) { ends[i], err = tun(); return err }))
		w.must(s.Address("tun0", []netip.Prefix{mine, theirs}[i], true))
		w.must(s.Link("tun0", true))
	}
	for i := range ends {
		go func() {
			for b := make([]byte, 2000); ; {
				n, err := ends[i].Read(b)
				if err != nil {
					return
				}
				ends[1-i].Write(b[:n])
			}
		}()
	}
	w.t.Cleanup(func() { ends[0].Close(); ends[1].Close() })
	w.must(w.near.Route(netip.MustParsePrefix("0.0.0.0/1"), theirs.Addr(), "tun0"))
	w.must(w.near.Route(netip.MustParsePrefix("128.0.0.0/1"), theirs.Addr(), "tun0"))
}

func tun() (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	r, err := unix.NewIfreq("tun0")
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}

// do has the client do something, and is what it answers.
func (w *world) do(line string) string {
	w.t.Helper()
	fmt.Fprintln(w.in, line)
	if !w.out.Scan() {
		w.t.Fatalf("%s: the client has gone", line)
	}
	return w.out.Text()
}

func (w *world) expect(line string, want netip.Addr) {
	w.t.Helper()
	if got := w.do(line); got != want.String() {
		w.t.Errorf("%s: %q, want %v", line, got, want)
	}
}

// Beside a tunnel that has taken everything, controller and gateways are reached by
// the physical adapter; and through the tunnel where nothing else leads there.
func TestBesideATunnel(t *testing.T) {
	w := newWorld(t)
	for _, p := range []string{"tcp", "udp", "udp4"} {
		w.expect(fmt.Sprintf("%s %s-before %v:443", p, p, both), here.Addr())
	}
	w.connect()
	w.do("changed")
	for _, p := range []string{"tcp", "udp", "udp4"} {
		w.expect("again "+p+"-before", here.Addr())
		w.expect(fmt.Sprintf("%s %s-beside %v:443", p, p, both), here.Addr())
	}
	// The network has no way there, and says so.
	w.expect(fmt.Sprintf("tcp inside %v:443", inside), mine.Addr())
	w.expect(fmt.Sprintf("udp inside-udp %v:443", inside), mine.Addr()) // as TCP has shown
	w.expect(fmt.Sprintf("tcp still %v:443", both), here.Addr())
	w.do("changed")
	w.expect("again inside-udp", mine.Addr()) // a change elsewhere cuts nobody off
	// It has none, and says nothing.
	w.do("changed")
	w.must(w.away.Sysctl("ipv4/ip_forward", "1"))
	w.must(w.away.Route(netip.PrefixFrom(inside, 32), netip.Addr{}, "a1"))
	w.expect(fmt.Sprintf("tcp silent %v:443", inside), mine.Addr())
	// What leads there changes, and the network says nothing of it.
	w.must(w.away.Address("lo", netip.PrefixFrom(both, 32), false))
	w.expect(fmt.Sprintf("tcp around %v:443", both), mine.Addr())
	w.expect(fmt.Sprintf("tcp around-again %v:443", both), mine.Addr())
	w.must(w.away.Address("lo", netip.PrefixFrom(both, 32), true))
	w.must(w.beyond.Address("lo", netip.PrefixFrom(both, 32), false))
	w.expect(fmt.Sprintf("tcp beside-again %v:443", both), here.Addr())
	w.expect(fmt.Sprintf("udp beside-again-udp %v:443", both), here.Addr())
}

// Where a tunnel has taken the place of the default route, the helper's table still
// leads out of the physical adapter. Without that the tunnel is all there is.
func TestTheDefaultRouteIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.must(w.away.Sysctl("ipv4/conf/a1/arp_ignore", "1")) // the kernel takes those for neighbours that no route leads to
	w.expect(fmt.Sprintf("tcp before %v:443", both), here.Addr())
	w.expect(fmt.Sprintf("udp before-udp %v:443", both), here.Addr())
	w.connect()
	w.must(w.near.Unroute(netip.Prefix{}, router.Addr(), "phys0"))
	w.do("changed")
	w.expect(fmt.Sprintf("tcp after %v:443", both), mine.Addr())
	w.expect("again before-udp", mine.Addr())
	w.expect(fmt.Sprintf("udp after-udp %v:443", both), mine.Addr())
	const table = 5254
	w.must(w.near.Do(func() error {
		l, err := netlink.LinkByName("phys0")
		if err != nil {
			return err
		}
		rule := netlink.NewRule()
		rule.OifName, rule.Table, rule.Priority = "phys0", table, 5202
		if err := netlink.RuleAdd(rule); err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: router.Addr().AsSlice(), Table: table})
	}))
	w.do("changed")
	w.expect(fmt.Sprintf("tcp kept %v:443", both), here.Addr())
	w.expect("again before-udp", here.Addr())
	// The cable is out for a moment.
	w.must(w.away.Link("a1", false))
	w.do("changed")
	w.must(w.away.Link("a1", true))
	w.must(w.near.Do(func() error { // the kernel notices in its own time, and says so then
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			l, err := netlink.LinkByName("phys0")
			if err != nil || l.Attrs().OperState == netlink.OperUp {
				return err
			}
			if time.Now().After(end) {
				return errors.New("the cable is in, and the adapter not up")
			}
		}
	}))
	w.do("changed")
	w.expect("again before-udp", here.Addr())
}

// Of a VPN that is to come up nobody sees anything before it is heard of that it has,
// whenever a socket was opened. Who is reached by no default route stays there.
func TestAhead(t *testing.T) {
	w := newWorld(t)
	port, far := netip.MustParsePrefix("10.52.0.1/24"), netip.MustParsePrefix("10.52.0.2/24")
	w.must(netlab.Connect(netlab.Wire{Space: w.near, Name: "eth1", Address: port}, netlab.Wire{Space: w.beyond, Name: "b2", Address: far}))
	w.serve(w.beyond, far.Addr())
	w.expect(fmt.Sprintf("udp c %v:443", both), here.Addr())
	w.expect(fmt.Sprintf("udp near %v:443", far.Addr()), port.Addr())
	w.do("ahead")
	w.do("changed") // it was something else
	w.expect(fmt.Sprintf("udp d %v:443", both), here.Addr())
	w.expect(fmt.Sprintf("tcp e %v:443", both), here.Addr())
	w.connect()
	for _, c := range []string{"c", "d", "e"} {
		w.expect("again "+c, here.Addr())
	}
	w.expect("again near", port.Addr())
}

// A socket that talks by the physical adapter goes with the machine to another, and
// wherever the routes lead when the tunnel has gone.
func TestRoaming(t *testing.T) {
	w := newWorld(t)
	air, point := netip.MustParsePrefix("10.51.0.1/24"), netip.MustParsePrefix("10.51.0.2/24")
	w.must(netlab.Connect(netlab.Wire{Space: w.near, Name: "wlan0", Address: air}, netlab.Wire{Space: w.away, Name: "a2", Address: point}))
	w.expect(fmt.Sprintf("udp c %v:443", both), here.Addr())
	w.connect()
	w.do("changed")
	w.expect("again c", here.Addr())
	w.must(w.near.Link("phys0", false))
	w.must(w.near.Route(netip.Prefix{}, point.Addr(), "wlan0"))
	w.do("changed")
	w.expect("again c", air.Addr())
	w.must(w.near.Link("tun0", false))
	w.do("changed")
	w.must(w.near.Link("phys0", true))
	w.must(w.near.Unroute(netip.Prefix{}, point.Addr(), "wlan0"))
	w.must(w.near.Route(netip.Prefix{}, router.Addr(), "phys0"))
	w.expect("again c", here.Addr())
}
