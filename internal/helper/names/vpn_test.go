//go:build linux

package names

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/helper/physical"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sockets"
)

// The test's own binary, started anew with this, is a part of the helper.
const partOf = "NAMES_TEST_PART"

func init() {
	words := strings.Fields(os.Getenv(partOf))
	if len(words) == 0 {
		return
	}
	part, root, bus := words[0], words[1], words[2]
	again := func(part string) func() *exec.Cmd {
		return func() *exec.Cmd {
			c := exec.Command("/proc/self/exe")
			c.Env, c.Stderr = append(os.Environ(), partOf+"="+strings.Join([]string{part, root, bus}, " ")), os.Stderr
			return c
		}
	}
	log := slog.New(slog.DiscardHandler)
	var err error
	switch part {
	case "keep":
		err = Keep(3, again("work"), log)
	case "work":
		err = Work(context.Background(), 3, Options{OS: osdns.Options{Root: root, Bus: bus}, Table: physical.Options{Number: 5254, Priority: 5202}, Standby: again("stand"), Log: log})
	case "stand":
		err = Stand(context.Background(), os.Stdin, log)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, part, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const (
	zone, ownZone = "example.zta", "own.example"
	device        = "tidev1000"
)

// machine is one whose names the real parts tell, with a VPN's server behind a
// device.
type machine struct {
	*resolvedtest.System
	t          *testing.T
	vpn        *resolvedtest.Side
	link       *Link
	anew, news chan struct{}
	keep       *exec.Cmd
	root       string
}

// newMachine has names told below root, empty: the machine's own, with its
// systemd-resolved.
func newMachine(t *testing.T, root string) *machine {
	t.Helper()
	s := resolvedtest.Start(t, resolvedtest.Releases(t)[0])
	m := &machine{System: s, t: t, root: root, anew: make(chan struct{}, 10), news: make(chan struct{}, 100)}
	bus := "unix:path=/nowhere"
	if m.root == "" {
		m.root, bus = s.Root, s.Bus
	}
	m.vpn, _ = s.AddTunnel(device)
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	m.keep = s.Command(context.Background(), "/proc/self/exe")
	m.keep.Env, m.keep.Stderr = append(os.Environ(), "GORACE=atexit_sleep_ms=0", partOf+"=keep "+m.root+" "+bus), os.Stderr
	m.keep.ExtraFiles = []*os.File{theirs}
	if err := s.Go(m.keep); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(ours.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		m.link, err = NewLink(fd)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		token := func(c chan struct{}) func() {
			return func() {
				select {
				case c <- struct{}{}:
				default:
				}
			}
		}
		m.link.Run(ctx, token(m.anew), token(m.news))
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		m.keep.Wait() // it ends with its main process
	})
	<-m.anew
	return m
}

func (m *machine) wants(all bool) *osdns.VPN {
	return &osdns.VPN{Device: device, Servers: []netip.Addr{m.vpn.Server}, Domains: []string{ownZone, zone, "zta"}, Search: []string{ownZone}, All: all}
}

func (m *machine) applyVPN(v *osdns.VPN, want osdns.Mode) {
	m.t.Helper()
	if got, err := m.link.ApplyVPN(m.t.Context(), v); err != nil || got != want {
		m.t.Fatalf("a VPN's names are told by %q, %v; want %q", got, err, want)
	}
}

func (m *machine) apply(domains ...string) protocol.DNS {
	m.t.Helper()
	told, err := m.link.Apply(m.t.Context(), domains, false)
	if err != nil {
		m.t.Fatal(err)
	}
	return told
}

// kill kills the worker, and waits for the next.
func (m *machine) kill() {
	m.t.Helper()
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", m.keep.Process.Pid))
	killed := false
	for _, l := range lists {
		b, _ := os.ReadFile(l)
		for _, w := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(w); err == nil && unix.Kill(pid, unix.SIGKILL) == nil {
				killed = true
			}
		}
	}
	if !killed {
		m.t.Fatal("there is no worker to kill")
	}
	<-m.anew
}

// answers asks a server on the machine, until it is as it is to be: the one zero is
// that the lookup fails.
func (m *machine) answers(at, name string, by netip.Addr) {
	m.t.Helper()
	var last any
	for end := time.Now().Add(resolvedtest.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var r *dns.Msg
		err := m.Space.Do(func() (err error) {
			q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
			r, _, err = (&dns.Client{Timeout: 10 * time.Second}).ExchangeContext(m.t.Context(), q, at)
			return err
		})
		if last = r; err != nil {
			last = err
			continue
		}
		if !by.IsValid() && r.Rcode == dns.RcodeServerFailure {
			return
		}
		if len(r.Answer) == 1 && by.IsValid() && r.Answer[0].(*dns.A).A.String() == by.String() {
			return
		}
	}
	m.t.Errorf("%s is %v, want %v", name, last, by)
}

// leads says whether sockets of the physical adapter have their table.
func (m *machine) leads() bool {
	m.t.Helper()
	var out []byte
	err := m.Space.Do(func() (err error) { out, err = exec.Command("ip", "rule").Output(); return err })
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Contains(string(out), "oif phys0 lookup 5254")
}

// clean fails where the VPN has seen a name of ours, or the network has.
func (m *machine) clean() {
	m.t.Helper()
	for _, side := range []*resolvedtest.Side{m.vpn, m.Physical} {
		if n := side.Leaked(zone); n != nil {
			m.t.Errorf("%s has seen %v", side.Name, n)
		}
	}
}

// office is a root of a system's own, with the file that its names are looked up by.
func office(t *testing.T) (root, path string) {
	t.Helper()
	root = t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"etc", "run", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(root, "etc/resolv.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return root, path
}

const conf = "# an office\nsearch office.example\nnameserver 10.50.0.1\noptions edns0\n"

// Where all names come to us, a client's place is taken by a standby that passes on
// each to whose it is; ours are nobody's, whoever comes or goes, or is killed.
func TestVPNWhereAllNamesComeToUs(t *testing.T) {
	root, path := office(t)
	m := newMachine(t, root)
	server := protocol.DNSServer.String()
	none := func(when string) {
		t.Helper()
		if b, err := os.ReadFile(path); err != nil || string(b) != conf {
			t.Errorf("%s: the file is %s, %v", when, b, err)
		}
	}
	asks := func(when, server string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains("\n"+string(b), "\nnameserver "+server+"\n") || strings.Count("\n"+string(b), "\nnameserver") != 1 {
			t.Errorf("%s: the file is %s, %v", when, b, err)
		}
	}
	m.applyVPN(&osdns.VPN{Device: device}, osdns.ModeNone)
	none("a VPN without names")
	if !m.leads() {
		t.Error("without names a VPN has no table of the physical adapter")
	}
	m.applyVPN(m.wants(false), osdns.ModeDirect)
	asks("a VPN alone", m.vpn.Server.String())
	told := m.apply(zone)
	asks("ours", protocol.DNSServer.Addr().String())
	if !slices.ContainsFunc(told.Upstreams, func(u osdns.Upstream) bool {
		return u.Device == device && slices.Equal(u.Domains, []string{ownZone, "zta"})
	}) {
		t.Errorf("told %+v", told.Upstreams)
	}
	stand := func() {
		t.Helper()
		fds, err := m.link.Stand(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		sockets.CloseAll(fds)
	}
	stand()
	m.answers(server, "git."+ownZone, m.vpn.Answer)
	m.answers(server, "www.debian.org", m.Physical.Answer)
	m.answers(server, "wiki."+zone, netip.Addr{})
	for _, n := range m.vpn.Asked() {
		if !strings.HasSuffix(n, ownZone) {
			t.Errorf("a split VPN is asked for %s", n)
		}
	}
	m.applyVPN(m.wants(true), osdns.ModeDirect)
	<-m.news
	m.answers(server, "www.kernel.org", m.vpn.Answer)
	m.answers(server, "git."+zone, netip.Addr{})
	m.kill()
	asks("the worker was killed", protocol.DNSServer.Addr().String())
	if told := m.apply(zone); len(told.Upstreams) != 2 || told.Upstreams[1].Device != device {
		t.Errorf("the next worker has forgotten the VPN: %+v", told.Upstreams)
	}
	stand()
	m.answers(server, "www.gnu.org", m.vpn.Answer)
	m.answers(server, "x."+zone, netip.Addr{})
	m.kill()
	m.applyVPN(m.wants(false), osdns.ModeDirect) // before ours is said
	asks("the VPN is said first", protocol.DNSServer.Addr().String())
	m.apply(zone)
	stand()
	m.answers(server, "www.gnome.org", m.Physical.Answer)
	m.clean()
	if err := m.link.Rest(t.Context()); err != nil {
		t.Error(err)
	}
	m.apply()
	asks("the VPN alone", m.vpn.Server.String())
	m.kill()
	m.apply()
	asks("the worker was killed, and ours is said", m.vpn.Server.String())
	if !m.leads() {
		t.Error("there is no table of the physical adapter beside the VPN")
	}
	m.applyVPN(nil, osdns.ModeNone)
	none("all gone")
	if m.leads() {
		t.Error("a table is left")
	}
	for _, v := range []*osdns.VPN{
		{Device: "eth0"}, {Device: "tidev"}, {Device: "tidev1\n"}, {Device: "tidev1/../x"}, {Device: device + "0000000000"},
		{Device: device, Servers: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, {Device: device, Servers: []netip.Addr{{}}},
		{Device: device, Servers: []netip.Addr{netip.MustParseAddr("fe80::1%x\nnameserver")}},
		{Device: device, Servers: []netip.Addr{m.vpn.Server}, Domains: []string{"x\noptions debug"}},
		{Device: device, Servers: []netip.Addr{m.vpn.Server}, All: true, Search: []string{"x y"}},
	} {
		if _, err := m.link.ApplyVPN(t.Context(), v); err == nil {
			t.Errorf("%+v is taken", v)
		}
	}
	none("what is no VPN was refused")
	m.applyVPN(m.wants(true), osdns.ModeDirect)
	err := m.Space.Do(func() error { return exec.Command("ip", "link", "del", device).Run() })
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(resolvedtest.Patience); ; time.Sleep(20 * time.Millisecond) {
		if b, _ := os.ReadFile(path); string(b) == conf {
			break
		}
		if time.Now().After(end) {
			none("its device has gone")
			break
		}
	}
}

// The same with a systemd-resolved, which knows whose is what itself.
func TestVPNBesideResolved(t *testing.T) {
	m := newMachine(t, "")
	stub := resolvedtest.Stub.String()
	m.applyVPN(m.wants(true), osdns.ModeLink)
	m.answers(stub, "www.debian.org", m.vpn.Answer)
	m.apply(zone)
	m.answers(stub, "wiki."+zone, netip.Addr{}) // nobody is there of ours
	m.kill()
	m.applyVPN(m.wants(false), osdns.ModeLink)
	m.answers(stub, "git."+zone, netip.Addr{})
	m.answers(stub, "www.kernel.org", m.Physical.Answer)
	m.answers(stub, "git."+ownZone, m.vpn.Answer)
	m.kill()
	if told := m.apply(zone); told.Mode != osdns.ModeLink {
		t.Errorf("told %+v", told)
	}
	m.answers(stub, "x."+ownZone, m.vpn.Answer)
	m.clean()
	m.applyVPN(nil, osdns.ModeNone)
	m.answers(stub, "y."+ownZone, m.Physical.Answer)
	m.apply()
	if m.leads() {
		t.Error("a table is left")
	}
}

// A worker that is killed while it tells the system, or takes back, has a next one do it;
// what cannot be told is told the main process, and can be later.
func TestVPNIsToldInTheEnd(t *testing.T) {
	root, path := office(t)
	m := newMachine(t, root)
	for i, v := range []*osdns.VPN{m.wants(false), m.wants(true), nil, m.wants(true), nil, m.wants(false)} {
		told := make(chan error, 1)
		go func() {
			_, err := m.link.ApplyVPN(t.Context(), v)
			told <- err
		}()
		time.Sleep(time.Duration(i*i) * time.Millisecond) // another moment each time
		m.kill()
		if err := <-told; err != nil {
			t.Fatalf("killed %d times: %v", i+1, err)
		}
		b, err := os.ReadFile(path)
		if err != nil || v == nil && string(b) != conf || v != nil && !strings.Contains("\n"+string(b), "\nnameserver "+m.vpn.Server.String()+"\n") {
			t.Errorf("killed %d times: the file is %s, %v", i+1, b, err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(root, "var/lib/tidegate/dns")
	if err := errors.Join(os.Rename(state, state+".away"), os.WriteFile(state, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, v := range []*osdns.VPN{nil, m.wants(true), nil} {
		if _, err := m.link.ApplyVPN(t.Context(), v); err == nil {
			t.Errorf("%+v is told", v)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != string(before) {
			t.Errorf("refused, the file is %s, %v", b, err)
		}
	}
	if err := errors.Join(os.Remove(state), os.Rename(state+".away", state)); err != nil {
		t.Fatal(err)
	}
	m.applyVPN(nil, osdns.ModeNone)
	if b, err := os.ReadFile(path); err != nil || string(b) != conf || m.leads() {
		t.Errorf("undone, the file is %s, %v", b, err)
	}
}
