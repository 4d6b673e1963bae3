package lab_test

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// buildHelper builds the helper, as it is installed.
func buildHelper(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "../../cmd/tidegate-helper")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build the helper: %v\n%s", err, out)
	}
	return filepath.Join(dir, "tidegate-helper")
}

// vpnFile names the suffix that a classic VPN is to claim; there is none while it is
// not there.
const vpnFile = "/run/vpn-wanted"

// What a program on a machine of its own is told by its environment.
const (
	machineEnv = "TIDEGATE_LAB_MACHINE" // how the system is to have been told
	programEnv = "TIDEGATE_LAB_PROGRAM"
	networkEnv = "TIDEGATE_LAB_NETWORK" // what the network's server answers, always
	addressEnv = "TIDEGATE_LAB_ADDRESS" // what addresses of the applications begin with
	ownEnv     = "TIDEGATE_LAB_OWN"     // how a browser asks a resolver of its own, as JSON
)

// On a whole machine, with the helper and a real device, programs as they are find
// the applications by their names, and the network never hears of them.
func TestMachine(t *testing.T) {
	client, err := program()
	if err != nil {
		t.Fatal(err)
	}
	helper := buildHelper(t)
	releases := resolvedtest.Releases(t)
	for _, tt := range []struct {
		name, mode, address string
		browser             bool // one with a resolver of its own is there, too
	}{
		{"resolved-link", "resolved-link", "100.96.", true},
		{"resolved-delegate", "resolved-delegate", "100.96.", false},
		{"direct", "direct", "100.96.", true},
		{"where the network has the addresses", "direct", "100.64.", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mode := tt.mode
			release := releases[0]
			if mode == "resolved-delegate" {
				if release = releases[len(releases)-1]; !release.Delegates {
					t.Log("there is no systemd-resolved that has delegates")
					return
				}
			}
			m := resolvedtest.Start(t, release)
			if mode == "direct" {
				withoutResolved(t, m)
			}
			if tt.address != "100.96." {
				if err := m.Space.Address("phys0", netip.MustParsePrefix("100.96.7.2/24"), true); err != nil {
					t.Fatal(err)
				}
			}
			socket := startHelper(t, m, helper)
			var said bytes.Buffer
			c := m.Command(t.Context(), "/proc/self/exe")
			c.Env = append(c.Env, machineEnv+"="+mode, programEnv+"="+client, networkEnv+"="+m.Physical.Answer.String(), addressEnv+"="+tt.address, "TIDEGATE_HELPER_SOCKET="+socket)
			var public *resolvedtest.DoH
			if tt.browser {
				public = servePublic(t, m)
				own, err := offer(public)
				if err != nil {
					t.Fatal(err)
				}
				c.Env = append(c.Env, own)
			}
			c.Stdout, c.Stderr = &said, &said
			if err := m.Go(c); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			var vpn *resolvedtest.Side
			claims := ""
			for running := true; running; {
				select {
				case err := <-ended:
					if err != nil {
						t.Fatalf("%v\n%s", err, said.String())
					}
					running = false
				case <-time.After(20 * time.Millisecond): // the program asks for a VPN by a file
				}
				text, _ := os.ReadFile(filepath.Join(m.Root, vpnFile))
				if claims == string(text) {
					continue
				}
				if vpn != nil {
					m.RemoveVPN(vpn)
					vpn = nil
				}
				if claims = string(text); claims != "" {
					vpn = m.AddVPN("vpn0", claims)
				}
			}
			for _, name := range m.Physical.Leaked("harbour.example") {
				if name != afterwards {
					t.Errorf("the network has heard of %s", name)
				}
			}
			if public != nil && !public.Heard(browsed) {
				t.Error("the browser has not asked its own resolver")
			}
			seen := strings.Join(m.Physical.Seen(), " ")
			if !strings.Contains(seen, "www.example.org") || !strings.Contains(seen, afterwards) {
				t.Errorf("the network has heard of %s alone", seen)
			}
		})
	}
}

// withoutResolved makes the machine one whose /etc/resolv.conf the network wrote.
func withoutResolved(t *testing.T, m *resolvedtest.System) {
	t.Helper()
	m.StopResolved()
	for name, text := range map[string]string{
		"etc/resolv.conf":   "nameserver " + m.Physical.Server.String() + "\n",
		"etc/nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\n",
	} {
		path := filepath.Join(m.Root, name)
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// startHelper starts the helper on a machine, which serves root.
func startHelper(t *testing.T, m *resolvedtest.System, program string) string {
	t.Helper()
	dir := filepath.Join(m.Root, "run", "tidegate")
	const socket = "/run/tidegate/helper.sock"
	files := map[string]string{
		filepath.Join(m.Root, "etc/tidegate/helper.toml"): "prefixes = [\"100.64.0.0/10\", \"fd54:6964:6567::/48\"]\n" +
			"devices = [\"100.97.0.0/24\", \"fd54:6964:6567:ffff::/64\"]\n",
		filepath.Join(m.Root, "run/systemd/sessions/c0"): "UID=0\nUSER=root\nACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=wayland\nCLASS=user\nSEAT=seat0\n",
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	c := m.Command(context.Background(), program, "-socket", socket, "-bus", m.Bus)
	c.Stderr = &said
	if err := m.Go(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		if t.Failed() {
			t.Logf("the helper said: %s", said.String())
		}
	})
	return socket
}
