package splittest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/dnssplit/osdns"
	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// Names of ours: hosts of one company, of one more, and all below a domain.
var (
	hosts   = []string{"wiki.corp.example", "git.corp.example", "hr.corp.example", "a.very.deep.host.corp.example", "erp.other.example", "x--y.corp.example", "build_7.corp.example"}
	domains = []string{"apps.example", "lab.corp.example"}
)

// machine is one with a client on it that serves names.
type machine struct {
	*resolvedtest.System
	t       *testing.T
	mode    osdns.Mode
	network *network
	wire    *witness // of what the machine sends to the physical side
	vpn     *witness // and to a VPN's; nil: there is none
	local   *witness // of what is sent to the client
	client  *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Scanner
	first   told // what the client said as it came
}

// start makes a machine, and a client on it that tells the system in this mode.
func start(t *testing.T, release resolvedtest.Release, mode osdns.Mode) *machine {
	t.Helper()
	m := &machine{System: resolvedtest.Start(t, release), t: t, mode: mode}
	m.network = &network{}
	m.Physical.Answers(m.network.answer)
	if mode.All() {
		m.direct("office.test", "corp.example")
	} else {
		m.SetDomains(m.Physical, "office.test")
		m.switches()
	}
	m.wire = watch(t, m.Physical.Space, "far", nil)
	m.local = watch(t, m.Space, "lo", toServer)
	m.join()
	return m
}

// direct makes the machine one without systemd-resolved, whose /etc/resolv.conf
// the network has written.
func (m *machine) direct(search ...string) {
	m.t.Helper()
	m.StopResolved()
	conf := filepath.Join(m.Root, "etc/resolv.conf")
	os.Remove(conf)
	text := "nameserver " + m.Physical.Server.String() + "\nsearch " + strings.Join(search, " ") + "\n"
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
	m.switches()
}

// switches has the machine's programs ask names by DNS alone.
func (m *machine) switches() {
	m.t.Helper()
	switches := "hosts: files dns\npasswd: files\ngroup: files\n"
	if err := os.WriteFile(filepath.Join(m.Root, "etc/nsswitch.conf"), []byte(switches), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// join starts the client, and waits until it serves.
func (m *machine) join() {
	m.t.Helper()
	arg, err := json.Marshal(setup{Mode: m.mode, Bus: m.Bus, File: filepath.Join(m.Root, "var/lib/names"), Hosts: hosts, Domains: domains})
	if err != nil {
		m.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	c := m.Command(context.Background(), self, roleName, string(arg)) // it undoes what it did as the test ends
	var said bytes.Buffer
	c.Stderr = &said
	if m.stdin, err = c.StdinPipe(); err != nil {
		m.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	m.stdout = bufio.NewScanner(out)
	m.stdout.Buffer(nil, 64<<20)
	if err := m.Go(c); err != nil {
		m.t.Fatal(err)
	}
	m.client = c
	m.t.Cleanup(func() {
		m.stdin.Close()
		for m.stdout.Scan() {
		}
		if err := c.Wait(); err != nil && m.client != nil {
			m.t.Errorf("the client: %v\n%s", err, said.String())
		}
	})
	m.first = m.hear()
}

// hear reads what the client tells.
func (m *machine) hear() (t told) {
	m.t.Helper()
	if !m.stdout.Scan() {
		m.t.Fatal("the client says nothing more")
	}
	if err := json.Unmarshal(m.stdout.Bytes(), &t); err != nil {
		m.t.Fatal(err)
	}
	return t
}

// told asks the client.
func (m *machine) told() told {
	m.t.Helper()
	if _, err := io.WriteString(m.stdin, "\n"); err != nil {
		m.t.Fatal(err)
	}
	return m.hear()
}

// step is a part of a test on the machine.
func (m *machine) step(name string, f func(t *testing.T)) {
	whole := m.t
	defer func() { m.t = whole }()
	whole.Run(name, func(t *testing.T) {
		m.t = t
		f(t)
	})
}

// kill ends the client without a word.
func (m *machine) kill() {
	m.t.Helper()
	if err := m.client.Process.Kill(); err != nil {
		m.t.Fatal(err)
	}
	m.client = nil
	for m.stdout.Scan() { // until it is gone
	}
}

// connect has a classic VPN come up that wants every name.
func (m *machine) connect() {
	m.t.Helper()
	side := m.AddVPN("vpn0", "~.")
	side.Answers(m.network.answer)
	m.vpn = watch(m.t, side.Space, "far", nil)
}

// resolver is whom the machine's programs ask.
func (m *machine) resolver() netip.AddrPort {
	if m.mode.All() {
		return netip.AddrPortFrom(server, 53)
	}
	return resolvedtest.Stub
}

// reverse are the zones of our addresses.
var reverse = []string{"96.100.in-addr.arpa", "7.6.5.6.4.6.9.6.4.5.d.f.ip6.arpa"}

// zones are ours, with all that is below them. They are written down here, and
// not asked of the code that is to be checked.
var zones = slices.Concat(hosts, domains, reverse)

// ours says whether a name is: in lower case, without the last dot.
func ours(name string) bool {
	return slices.ContainsFunc(zones, func(z string) bool { return name == z || strings.HasSuffix(name, "."+z) })
}
