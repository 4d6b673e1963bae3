package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/rig"
	"github.com/tidegate/tidegate/session"
)

// afterwards is looked up when everything has been undone.
const afterwards = "afterwards.quays.harbour.example"

// onMachine is a lab with a client on a machine whose names are the client's: run
// in that machine's network and files, with a helper there. It checks what programs
// find, and says what is wrong.
func onMachine(string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	d, err := desktop.Start(ctx, desktop.Options{Parts: desktop.Keyring})
	if err != nil {
		return err
	}
	defer d.Close()
	dir, err := os.MkdirTemp("", "tidegate-lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := lab.Start(ctx, lab.Options{Config: lab.DefaultConfig().Quick(), Dir: dir,
		Hosts: map[string]string{browsed: "127.0.0.1"}, // the gateway is here, too, and is not to ask the system for it
		Log:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	w, err := sniff(l.Gateway())
	if err != nil {
		return err
	}
	defer w.Close()
	b := newBrowser(dir)
	r := rig.New(d, os.Getenv(programEnv), append(b.env(), quickEnd)...)
	defer func() { err = errors.Join(err, r.Stop(syscall.SIGTERM)) }()
	m := &onmachine{ctx: ctx, scene: &scene{ctx: ctx, lab: l, rig: r}, capture: w, browser: b}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"sign in", m.signIn},
		{"names are served", m.served},
		{"a lookup opens nothing", m.lookups},
		{"chatter opens nothing", m.chatter},
		{"the first packet", m.first},
		{"pages", m.pages},
		{"it is explained", m.explained},
		{"a browser with a resolver of its own", m.blind},
		{"a VPN competes", m.competition},
		{"the client is killed", m.killed},
		{"the client is back", m.back},
		{"sign out", m.signOut},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w\n%s", step.name, err, r.Log())
		}
	}
	return nil
}

type onmachine struct {
	*scene
	ctx     context.Context
	capture *capture
	browser *browser
}

// find is the IPv4 address that a program finds for a name; empty: none.
func (m *onmachine) find(name string) string {
	out, err := exec.CommandContext(m.ctx, "getent", "ahostsv4", name).Output()
	if err != nil {
		return ""
	}
	a, _, _ := strings.Cut(string(out), " ")
	return a
}

// finds waits until a program finds what is wanted: the beginning of an address,
// or nothing.
func (m *onmachine) finds(name, want string) error {
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = m.find(name); got == want || want != "" && strings.HasPrefix(got, want) {
			return nil
		}
	}
	return fmt.Errorf("%s is at %q, want %q", name, got, want)
}

// synthetic begins the addresses that stand for names.
var synthetic = os.Getenv(addressEnv)

func (m *onmachine) start() error {
	if err := m.rig.Start(m.ctx); err != nil {
		return err
	}
	c, err := m.rig.Dial(m.ctx)
	if err != nil {
		return err
	}
	c.Close()
	return nil
}

func (m *onmachine) signIn() error {
	if err := m.start(); err != nil {
		return err
	}
	p, err := m.lab.Config().Person("maya")
	if err != nil {
		return err
	}
	link, err := m.lab.Link(m.ctx, p.Name)
	if err != nil {
		return err
	}
	if _, err := m.rig.Run(m.ctx, link.String()+"\n", "enrol", "-"); err != nil {
		return err
	}
	_, err = m.rig.Run(m.ctx, p.Password+"\n", "sign-in")
	return err
}

func serves(s *session.State) bool {
	return s.Local.TUN && s.Local.DNS != nil && s.Local.DNS.Mode == os.Getenv(machineEnv) &&
		slices.Contains(s.Local.DNS.Zones, "wiki.harbour.example") && slices.Contains(s.Local.DNS.Zones, "quays.harbour.example")
}

func (m *onmachine) served() error {
	s, err := m.wait("names are served", serves)
	if err != nil {
		return fmt.Errorf("%w: locally there is %+v", err, s.Local.DNS)
	}
	if d := s.Local.DNS; d.Problem != nil || d.Adapter != "phys0" || len(d.Competitors) > 0 || d.Server.String() != "127.11.0.53" {
		return fmt.Errorf("there is %+v", d)
	}
	if a := app(&s, "wiki"); a == nil || a.OpenWith != "http://wiki.harbour.example/" {
		return fmt.Errorf("the wiki is %+v", a)
	}
	return nil
}

// quiet fails where a data channel was opened. What came by the device until now
// has been looked at: after it, Tidegate has refused a connection to an address that
// is no name's.
func (m *onmachine) quiet() error {
	a, err := netip.ParseAddr(m.find("wiki.harbour.example"))
	if err != nil {
		return err
	}
	nobody := a.As4()
	nobody[3] = 0 // is never given
	c, err := (&net.Dialer{Timeout: patience}).DialContext(m.ctx, "tcp4", netip.AddrPortFrom(netip.AddrFrom4(nobody), 80).String())
	if err == nil {
		c.Close()
		return fmt.Errorf("somebody is at %v", netip.AddrFrom4(nobody))
	}
	if t := net.Error(nil); errors.As(err, &t) && t.Timeout() {
		return err
	}
	if err := m.capture.silent(); err != nil {
		return err
	}
	s, err := m.wait("the state", func(*session.State) bool { return true })
	if err != nil {
		return err
	}
	for _, site := range s.Sites {
		if site.State != session.Disconnected {
			return fmt.Errorf("%s is %s", site.ID, site.State)
		}
	}
	for _, e := range s.Events {
		if strings.HasPrefix(e.Kind, "channel-") {
			return errors.New(e.Text)
		}
	}
	return nil
}

func (m *onmachine) lookups() error {
	return errors.Join(
		m.finds("wiki.harbour.example", synthetic),
		m.finds("WIKI.Harbour.example.", synthetic),
		m.finds("north.quays.harbour.example", synthetic),
		m.finds("nothing.wiki.harbour.example", ""),
		m.finds("www.example.org", os.Getenv(networkEnv)),
		m.quiet())
}

// chatter is what systems say to whoever hears it on a device that came up: the
// kernel by itself, and programs.
func (m *onmachine) chatter() error {
	devices, err := net.Interfaces()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(devices, func(d net.Interface) bool { return strings.HasPrefix(d.Name, deviceName) })
	if at < 0 {
		return fmt.Errorf("there are %v", devices)
	}
	addrs, err := devices[at].Addrs()
	if err != nil {
		return err
	}
	six := slices.ContainsFunc(addrs, func(a net.Addr) bool { return strings.Contains(a.String(), ":") })
	passes := map[string]func(passed) bool{"IGMP": func(p passed) bool { return p.proto == unix.IPPROTO_IGMP }}
	if six {
		passes["MLD"] = func(p passed) bool { return p.proto == unix.IPPROTO_ICMPV6 && p.to.Addr().IsMulticast() }
	}
	for _, to := range []string{"224.0.0.251:5353", "224.0.0.252:5355", "239.255.255.250:1900", "[ff02::fb]:5353", "[ff02::1:3]:5355"} {
		group := netip.MustParseAddrPort(to)
		if group.Addr().Is6() && !six {
			continue
		}
		c, err := greet(&devices[at], group)
		if err != nil {
			return fmt.Errorf("say something to %s: %w", to, err)
		}
		defer c.Close()
		passes[to] = func(p passed) bool { return p.to == group }
	}
	for name, is := range passes {
		// The kernel reports groups after a random time.
		if err := m.capture.await(m.ctx, func(p passed) bool { return p.sent && is(p) }); err != nil {
			return fmt.Errorf("nothing is said by %s: %w", name, err)
		}
	}
	return m.quiet()
}

// greet joins a group, as long as the connection is open, and says something to it.
func greet(device *net.Interface, group netip.AddrPort) (net.PacketConn, error) {
	c, err := net.ListenPacket("udp", net.JoinHostPort(map[bool]string{true: "0.0.0.0", false: "::"}[group.Addr().Is4()], "0"))
	if err != nil {
		return nil, err
	}
	to := net.UDPAddrFromAddrPort(group)
	if four := ipv4.NewPacketConn(c); group.Addr().Is4() {
		if err = errors.Join(four.SetMulticastInterface(device), four.JoinGroup(device, to)); err == nil {
			_, err = four.WriteTo([]byte("hello"), nil, to)
		}
	} else {
		six := ipv6.NewPacketConn(c)
		if err = errors.Join(six.SetMulticastInterface(device), six.JoinGroup(device, to)); err == nil {
			_, err = six.WriteTo([]byte("hello"), nil, to)
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// first: the first SYN opens the channel, and waits for it. Those that the kernel
// would send after it never come to Tidegate, whatever time the channel takes.
func (m *onmachine) first() error {
	const table = "table inet first"
	c := exec.CommandContext(m.ctx, "nft", "-f", "-")
	c.Stdin = strings.NewReader(table + ` {
	set seen { type inet_service; }
	chain out {
		type filter hook output priority 0;
		oifname "` + deviceName + `*" tcp flags & (syn|ack) == syn tcp sport @seen drop
		oifname "` + deviceName + `*" tcp flags & (syn|ack) == syn add @seen { tcp sport }
	}
}`)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("keep the second SYN: %w: %s", err, out)
	}
	page, from, err := m.get("wiki.harbour.example")
	if out, err := exec.CommandContext(m.ctx, "nft", "delete", table).CombinedOutput(); err != nil {
		return fmt.Errorf("let SYNs through: %w: %s", err, out)
	}
	if err != nil || !strings.Contains(page, "Harbour Wiki") {
		return fmt.Errorf("%v: %s", err, page)
	}
	return m.capture.opened(from)
}

// get fetches a page by one connection, and says from where.
func (m *onmachine) get(host string) (page string, from netip.AddrPort, err error) {
	c, err := (&net.Dialer{Timeout: patience}).DialContext(m.ctx, "tcp4", net.JoinHostPort(m.find(host), "80"))
	if err != nil {
		return "", from, err
	}
	defer c.Close()
	from = c.LocalAddr().(*net.TCPAddr).AddrPort()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host); err != nil {
		return "", from, err
	}
	b, err := io.ReadAll(c)
	return string(b), from, err
}

// pages are fetched by name.
func (m *onmachine) pages() error {
	for host, want := range map[string]string{"wiki.harbour.example": "Harbour Wiki", "north.quays.harbour.example": "North Quay"} {
		page, err := m.rig.Curl(m.ctx, "http://"+host+"/")
		if err != nil || !strings.Contains(page, want) {
			return fmt.Errorf("%s: %v: %s", host, err, page)
		}
	}
	_, err := m.wait("the channel was opened", func(s *session.State) bool { // and may rest again
		return slices.ContainsFunc(s.Events, func(e session.Event) bool { return e.Kind == "channel-connected" })
	})
	return err
}

func (m *onmachine) explained() error {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"dns"}, "Names        on:"},
		{[]string{"dns", "explain", "wiki.harbour.example"}, "Tidegate, on this machine"},
		{[]string{"dns", "explain", "none.wiki.harbour.example"}, "there is no such name"},
		{[]string{"dns", "explain", "www.example.org"}, "Through      phys0"},
		{[]string{"dns", "explain", "www.example.org"}, "Asked at"},
	} {
		out, err := m.rig.Run(m.ctx, "", tt.args...)
		if err != nil || !strings.Contains(out, tt.want) {
			return fmt.Errorf("%v: %v: %s", tt.args, err, out)
		}
	}
	return nil
}

// competition is told of while it lasts: a VPN that claims a shorter suffix, and is
// not asked, and one that claims the same, of which the window warns.
func (m *onmachine) competition() error {
	if os.Getenv(machineEnv) == "direct" {
		return nil // there nobody can claim anything
	}
	for _, tt := range []struct {
		domain string
		wins   bool
	}{{"harbour.example", false}, {"quays.harbour.example", true}} {
		next := vpnFile + ".next"
		if err := errors.Join(os.WriteFile(next, []byte(tt.domain), 0o644), os.Rename(next, vpnFile)); err != nil {
			return err
		}
		want := session.Competitor{Adapter: "vpn0", Domain: tt.domain, Wins: tt.wins}
		s, err := m.wait("the VPN is seen", func(s *session.State) bool {
			return s.Local.DNS != nil && slices.ContainsFunc(s.Local.DNS.Competitors, func(c session.Competitor) bool {
				c.Program = ""
				return c == want
			})
		})
		if err != nil {
			return fmt.Errorf("%w: locally there is %+v", err, s.Local.DNS)
		}
		warned := slices.ContainsFunc(s.Problems, func(p session.Problem) bool {
			return p.Code == "dns-competitor-"+tt.domain+"-vpn0" && p.Warning
		})
		if warned != tt.wins {
			return fmt.Errorf("of %s the problems are %+v", tt.domain, s.Problems)
		}
		out, err := m.rig.Run(m.ctx, "", "dns", "explain", "north.quays.harbour.example")
		if err != nil || !strings.Contains(out, "vpn0") || strings.Contains(out, "What to do") != tt.wins {
			return fmt.Errorf("%v: %s", err, out)
		}
		if !tt.wins {
			out, err := m.rig.Run(m.ctx, "", "dns", "explain", "intranet.harbour.example")
			if err != nil || !strings.Contains(out, "a VPN's servers") || !strings.Contains(out, "vpn0") {
				return fmt.Errorf("%v: %s", err, out)
			}
			if err := m.finds("beside.quays.harbour.example", synthetic); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(vpnFile); err != nil {
		return err
	}
	_, err := m.wait("the VPN is gone", func(s *session.State) bool {
		return s.Local.DNS != nil && len(s.Local.DNS.Competitors) == 0 &&
			!slices.ContainsFunc(s.Problems, func(p session.Problem) bool { return strings.HasPrefix(p.Code, "dns-") })
	})
	return err
}

// killed: names of ours fail, and others do not.
func (m *onmachine) killed() error {
	if err := m.rig.Stop(syscall.SIGKILL); err != nil {
		return err
	}
	for n := range 5 {
		if got := m.find(fmt.Sprintf("dead%d.quays.harbour.example", n)); got != "" {
			return fmt.Errorf("a name of ours is at %s", got)
		}
		if err := m.finds(fmt.Sprintf("alive%d.example.org", n), os.Getenv(networkEnv)); err != nil {
			return err
		}
	}
	return nil
}

func (m *onmachine) back() error {
	if err := m.start(); err != nil {
		return err
	}
	if _, err := m.wait("names are served again", serves); err != nil {
		return err
	}
	if err := m.finds("back.quays.harbour.example", synthetic); err != nil {
		return err
	}
	page, err := m.rig.Curl(m.ctx, "http://wiki.harbour.example/")
	if err != nil || !strings.Contains(page, "Harbour Wiki") {
		return fmt.Errorf("%v: %s", err, page)
	}
	return nil
}

// signOut: all is as it was.
func (m *onmachine) signOut() error {
	if _, err := m.rig.Run(m.ctx, "", "sign-out"); err != nil {
		return err
	}
	if _, err := m.wait("nothing is served", func(s *session.State) bool { return s.Local.DNS == nil && !s.Local.TUN }); err != nil {
		return err
	}
	return errors.Join(m.finds(afterwards, os.Getenv(networkEnv)), m.finds("www2.example.org", os.Getenv(networkEnv)))
}
