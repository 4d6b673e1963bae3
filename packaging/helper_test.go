package packaging

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/server"
)

// unit is a systemd unit's settings, by "section.key", in order.
func unit(t *testing.T, file string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	settings, section := map[string][]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok && strings.HasSuffix(name, "]") {
			section = strings.TrimSuffix(name, "]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section == "" || strings.TrimSpace(key) != key {
			t.Fatalf("%s: %q is no setting", file, line)
		}
		settings[section+"."+key] = append(settings[section+"."+key], value)
	}
	return settings
}

func TestHelperUnits(t *testing.T) {
	socket, service := unit(t, "linux/helper/tidegate-helper.socket"), unit(t, "linux/helper/tidegate-helper.service")
	for key, want := range map[string]string{
		"Socket.ListenStream": protocol.Socket,
		"Socket.SocketMode":   "0660",
		"Socket.SocketUser":   "root",
		"Socket.SocketGroup":  "tidegate",
		"Install.WantedBy":    "sockets.target",
	} {
		if got := socket[key]; len(got) != 1 || got[0] != want {
			t.Errorf("socket: %s is %q, want %q", key, got, want)
		}
	}
	for key, want := range map[string]string{
		"ExecStart":                "/usr/libexec/tidegate-helper",
		"CapabilityBoundingSet":    "CAP_NET_ADMIN CAP_SYS_PTRACE CAP_NET_BIND_SERVICE CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_SETUID CAP_SETGID CAP_KILL CAP_SETPCAP",
		"AmbientCapabilities":      "",
		"NoNewPrivileges":          "yes",
		"RestrictAddressFamilies":  "AF_UNIX AF_NETLINK AF_INET AF_INET6",
		"ProtectSystem":            "strict",
		"ReadWritePaths":           "/etc /run",
		"KillMode":                 "mixed",
		"StateDirectory":           "tidegate/dns",
		"ProtectHome":              "yes",
		"PrivateTmp":               "yes",
		"DevicePolicy":             "closed",
		"DeviceAllow":              "/dev/net/tun rw",
		"MemoryDenyWriteExecute":   "yes",
		"RestrictNamespaces":       "yes",
		"SystemCallFilter":         "@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
		"RuntimeDirectory":         "tidegate/helper",
		"RuntimeDirectoryMode":     "0700",
		"RuntimeDirectoryPreserve": "yes",
	} {
		if got := service["Service."+key]; len(got) != 1 || got[0] != want {
			t.Errorf("service: %s is %q, want %q", key, got, want)
		}
	}
	recovery := unit(t, "linux/helper/tidegate-helper-recover.service")
	for key, want := range map[string]string{
		"Unit.DefaultDependencies":        "no",
		"Unit.ConditionDirectoryNotEmpty": "/var/lib/tidegate/dns",
		"Service.Type":                    "oneshot",
		"Service.ExecStart":               "/usr/libexec/tidegate-helper -recover",
		"Service.NoNewPrivileges":         "yes",
		"Service.ProtectSystem":           "strict",
		"Service.ReadWritePaths":          "/etc /run /var/lib/tidegate",
		"Install.WantedBy":                "sysinit.target",
	} {
		if got := recovery[key]; len(got) != 1 || got[0] != want {
			t.Errorf("recovery: %s is %q, want %q", key, got, want)
		}
	}
	if got := recovery["Unit.Before"]; len(got) != 1 || !strings.Contains(got[0], "systemd-resolved.service") || !strings.Contains(got[0], "network-pre.target") {
		t.Errorf("recovery: it is before %q", got)
	}
	if got := service["Unit.Requires"]; !slices.Equal(got, []string{"tidegate-helper.socket"}) {
		t.Errorf("service: it requires %q", got)
	}
}

func TestHelperConfig(t *testing.T) {
	text, err := os.ReadFile("linux/helper/helper.toml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := server.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := names.Open(names.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range pool.Prefixes() {
		if !slices.ContainsFunc(c.Prefixes, func(p netip.Prefix) bool { return p.Bits() <= wanted.Bits() && p.Overlaps(wanted) }) {
			t.Errorf("it does not allow the client's %v: %+v", wanted, c)
		}
	}
	if c.Group != "tidegate" {
		t.Errorf("it is for the group %q", c.Group)
	}
	// Each setting that is commented out is one.
	if c, err := server.Parse(regexp.MustCompile(`(?m)^#([a-z]+ = )`).ReplaceAllString(string(text), "$1")); err != nil || len(c.Networks) == 0 || len(c.Programs) == 0 || len(c.Domains) == 0 {
		t.Errorf("with all settings: %+v, %v", c, err)
	}
	group, err := os.ReadFile("linux/helper/tidegate.sysusers")
	if err != nil || !strings.Contains(string(group), "\ng "+c.Group+" ") {
		t.Errorf("nothing makes the group: %q, %v", group, err)
	}
}

// Removal undoes what was done, and an upgrade does not.
func TestHelperRemoval(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"remove"}, "is-enabled stop disable undo forget"},
		{[]string{"0"}, "stop disable undo forget"},
		{[]string{"upgrade", "2.0"}, ""},
		{[]string{"1"}, ""},
	} {
		script, err := os.ReadFile("linux/helper/preremove.sh")
		if err != nil {
			t.Fatal(err)
		}
		dir, bin := t.TempDir(), t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\necho $1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("/usr/libexec/tidegate-helper -undo", "echo undo", "/run/systemd/system", dir, "/run/tidegate/helper", dir,
			"rm -rf /var/lib/tidegate/dns", "echo forget", "/var/lib/tidegate", dir).Replace(string(script))
		c := exec.CommandContext(t.Context(), "sh", append([]string{"-c", text, "preremove"}, tt.args...)...)
		c.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
		out, err := c.CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != tt.want {
			t.Errorf("%v: %q, want %q (%v)", tt.args, got, tt.want, err)
		}
	}
}
