package lab_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
	"github.com/tidegate/tidegate/internal/classicvpn/vpntest"
	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/netlab"
	"github.com/tidegate/tidegate/session"
)

// Where the lab and a VPN's server are: behind the network's gateway, so that a VPN
// that has the default route has the way there, too.
var (
	labAddress = netip.MustParseAddr("198.51.100.4")
	vpnAddress = netip.MustParseAddr("198.51.100.3")
)

// What the programs of TestBesideVPN are told by their environment, as JSON.
const (
	labEnv    = "TIDEGATE_LAB_SERVE"  // a lab's address
	besideEnv = "TIDEGATE_LAB_BESIDE" // a beside
)

// beside is what the client's machine is to try.
type beside struct {
	Link, User, Password string // at the lab
	Program              string
	Mode                 string // how the system is told of names
	Network              netip.Addr
	VPN                  session.VPNSettings // with the server's fingerprint
	Answers              map[string]string   // to its questions, by their labels
	Full, IPv6           bool
}

// vpnServer is whichever.
type vpnServer interface {
	Kick(user string)
	Crash()
	Start()
	Asked() []string
}

// On a whole machine, with the helper, real devices and a real openconnect, an
// application is reached through ZTA and another through a classic VPN at the same
// time; each has its names found where they are to be, and nothing of ours is asked of
// the VPN or of the network: before, during and after the VPN connects, is
// interrupted, crashes, is ended by its server, and disconnects.
func TestBesideVPN(t *testing.T) {
	client, err := program()
	if err != nil {
		t.Fatal(err)
	}
	helper := buildHelper(t)
	releases := resolvedtest.Releases(t)
	for _, tt := range []struct {
		name, mode string
		protocol   session.VPNProtocol
		full, six  bool
	}{
		{"AnyConnect, full, resolved-link", "resolved-link", session.VPNAnyConnect, true, true},
		{"AnyConnect, split, direct", "direct", session.VPNAnyConnect, false, false},
		{"Pulse, split, resolved-link", "resolved-link", session.VPNPulse, false, true},
		{"Pulse, full, direct", "direct", session.VPNPulse, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := resolvedtest.Start(t, releases[0])
			if tt.mode == "direct" {
				withoutResolved(t, m)
			}
			far := m.Physical.Space
			for _, a := range []netip.Addr{labAddress, vpnAddress} {
				if err := far.Address("lo", netip.PrefixFrom(a, 32), true); err != nil {
					t.Fatal(err)
				}
			}
			o := beside{User: "maya", Program: client, Mode: tt.mode, Network: m.Physical.Answer, Full: tt.full, IPv6: tt.six,
				VPN: session.VPNSettings{Name: "The office", Address: vpnAddress.String(), Protocol: tt.protocol, User: "alice"}}
			var server vpnServer
			if tt.protocol == session.VPNPulse {
				p := vpntest.StartPulse(t, vpntest.PulseOptions{Space: far, Address: vpnAddress, Full: tt.full, IPv6: tt.six, Code: "135790", CodePrompt: "Code on your key"})
				server, o.VPN.Fingerprint = p, p.Certificate.Fingerprint
				o.Answers = map[string]string{"Password": vpntest.Password, "Code on your key": "135790"}
			} else {
				c := vpntest.StartOcserv(t, vpntest.OcservOptions{Space: far, Address: vpnAddress, Full: tt.full, IPv6: tt.six})
				server, o.VPN.Fingerprint = c, c.Certificate.Fingerprint
				o.Answers = map[string]string{"Password": vpntest.Password}
			}
			o.Link, o.Password = serveLab(t, m, o.User)
			socket := startHelper(t, m, helper)
			arg, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			c := m.Command(t.Context(), "/proc/self/exe")
			c.Env = append(c.Env, besideEnv+"="+string(arg), addressEnv+"=100.96.", "TIDEGATE_HELPER_SOCKET="+socket)
			obey(t, m, c, server)
			for _, name := range m.Physical.Leaked("harbour.example") {
				t.Errorf("the network has heard of %s", name)
			}
			for _, name := range m.Physical.Leaked(vpntest.Domain) {
				if !strings.HasPrefix(name, "before") && !strings.HasPrefix(name, "after") {
					t.Errorf("the network has heard of the VPN's %s", name)
				}
			}
			for _, name := range server.Asked() {
				if strings.HasSuffix(name, "harbour.example") {
					t.Errorf("the VPN has heard of %s", name)
				}
			}
			if seen := m.Physical.Seen(); !slices.Contains(seen, "before.example.org") {
				t.Errorf("the network has heard of %v alone", seen)
			}
		})
	}
}

// serveLab has a lab run behind the machine's network, until the test ends.
func serveLab(t *testing.T, m *resolvedtest.System, user string) (link, password string) {
	t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), labEnv+"="+user)
	var said bytes.Buffer
	c.Stderr = &said
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Physical.Space.Start(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // it ends
		io.Copy(io.Discard, out)
		if err := c.Wait(); err != nil {
			t.Errorf("the lab: %v\n%s", err, said.String())
		}
	})
	lines := bufio.NewScanner(out)
	for _, to := range []*string{&link, &password} {
		if !lines.Scan() {
			t.Fatalf("the lab says nothing: %s", said.String())
		}
		*to = lines.Text()
	}
	return link, password
}

// runLab is a lab as a program: it says a user's link and password, and runs until
// its input ends.
func runLab(user string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "tidegate-lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := lab.Start(ctx, lab.Options{Config: lab.DefaultConfig().Quick(), Dir: dir, Address: labAddress,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	p, err := l.Config().Person(user)
	if err != nil {
		return err
	}
	link, err := l.Link(ctx, user)
	if err != nil {
		return err
	}
	if _, err := fmt.Println(link.String() + "\n" + p.Password); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// ruleset has a network's firewall follow these rules, too.
func ruleset(s *netlab.Space, rules string) error {
	c := exec.Command("nft", "-f", "-")
	c.Stdin = strings.NewReader(rules)
	if err := s.Start(c); err != nil {
		return err
	}
	return c.Wait()
}

// obey runs the program on the machine to its end, and does to the VPN's server and
// to the network what it asks for by its output, a word a line.
func obey(t *testing.T, m *resolvedtest.System, c *exec.Cmd, server vpnServer) {
	t.Helper()
	var said bytes.Buffer
	c.Stderr = &said
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Go(c); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
		case "step":
			t.Log(rest)
		case "kick":
			server.Kick("alice")
		case "crash":
			server.Crash()
		case "start":
			server.Start()
		case "unplug":
			err = m.Physical.Space.Link("far", false)
		case "plug":
			err = m.Physical.Space.Link("far", true)
		case "wall":
			err = ruleset(m.Physical.Space, `table inet wall { chain in { type filter hook input priority 0; iifname "far" ip daddr `+labAddress.String()+` drop; }; }`)
		case "open":
			err = ruleset(m.Physical.Space, "delete table inet wall")
		default:
			t.Fatalf("it asks for %q", lines.Text())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(in, "done\n"); err != nil {
			break // it has ended
		}
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
	if path := filepath.Join(m.Root, "var/log/programs"); t.Failed() {
		text, _ := os.ReadFile(path)
		t.Logf("the machine's programs said:\n%s", text)
	}
}
