package posture

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/vishvananda/netlink"

	"github.com/tidegate/tidegate/internal/wire"
)

// inNamespace runs the test again, in a network of its own: root makes one for
// it, anybody else by way of a user namespace. It says whether this is the
// inner run.
func inNamespace(t *testing.T) bool {
	const mark = "POSTURE_TEST_NAMESPACE"
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

// nft changes the real rules.
func nft(t *testing.T, commands string) {
	t.Helper()
	path, err := exec.LookPath("nft")
	if err != nil {
		path = "/usr/sbin/nft" // which is in root's PATH alone
	}
	cmd := exec.Command(path, "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft (packaging/deps.sh test installs it): %v\n%s", err, out)
	}
}

func TestFirewallRules(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	for _, c := range []struct {
		name, rules string
		want        bool
	}{
		{"a table", "table inet x {}", false},
		{"a chain that lets all in", "table inet x { chain c { type filter hook input priority 0; policy accept; }; }", false},
		{"a chain that drops", "table inet x { chain c { type filter hook input priority 0; policy drop; }; }", true},
		{"rules", "table ip x { chain c { type filter hook forward priority 0; tcp dport 22 drop; }; }", true},
		{"rules for IPv6", "table ip6 x { chain c { type filter hook input priority 5; tcp dport 22 drop; }; }", true},
		{"what goes out", "table inet x { chain c { type filter hook output priority 0; policy drop; }; }", false},
		{"a bridge", "table bridge x { chain c { type filter hook input priority 0; policy drop; }; }", false},
		{"NAT", "table ip x { chain c { type nat hook input priority 0; snat to 1.2.3.4; }; }", false},
		{"rules that nothing enters", "table inet x { chain c { drop; }; }", false},
		{"a table that sleeps", "table inet x { flags dormant; chain c { type filter hook input priority 0; policy drop; }; }", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			nft(t, "flush ruleset\n"+c.rules+"\n")
			chains, err := ruleset()
			if got := slices.ContainsFunc(chains, chain.filters); err != nil || got != c.want {
				t.Errorf("it filters: %v, want %v (error %v, chains %+v)", got, c.want, err, chains)
			}
		})
	}
}

func TestFirewallTurnedOff(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	m := here(fstest.MapFS{}) // without a firewall's files, but with the real rules
	m.rules = ruleset
	w := New(Options{})
	w.builtin = m.probes
	r := report(t, w)
	r.await(t, "no firewall", has("firewall", false))
	nft(t, "table inet x { chain c { type filter hook input priority 0; policy accept; }; }\n")
	nft(t, "add rule inet x c tcp dport 23 drop\n")
	r.await(t, "a firewall with a rule", has("firewall", true))
	nft(t, "flush chain inet x c\n")
	r.await(t, "a firewall without a rule", has("firewall", false))
	nft(t, "chain inet x c { policy drop; }\n")
	r.await(t, "a firewall that drops", has("firewall", true))
	nft(t, "flush ruleset\n")
	r.await(t, "no firewall any more", has("firewall", false))
}

func TestAddressComesAndGoes(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	a, err := netlink.ParseAddr("192.0.2.7/24")
	if err != nil {
		t.Fatal(err)
	}
	lists := func(want ...string) func(wire.DeviceClaims) bool {
		return func(c wire.DeviceClaims) bool {
			got, _ := c["addresses"].([]string)
			return slices.Equal(got, want)
		}
	}
	r := newReporter(t, Options{Root: fstest.MapFS{}})
	r.await(t, "no address", lists())
	if err := netlink.AddrAdd(lo, a); err != nil {
		t.Fatal(err)
	}
	r.await(t, "an address", lists("192.0.2.7"))
	if err := netlink.AddrDel(lo, a); err != nil {
		t.Fatal(err)
	}
	r.await(t, "no address any more", lists())
}
