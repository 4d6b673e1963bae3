package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A newer systemd-resolved that is not there is tried again, and one that is there
// and does not come fails: its tests are not left out in silence.
func TestNewerResolved(t *testing.T) {
	into, bin := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(into, "debian/version"), "252\n")
	// What apt would do is the file world's to say.
	world := filepath.Join(bin, "world")
	write(filepath.Join(bin, "apt-get"), `#!/bin/sh
case "$*" in *" download "*) grep -q comes `+world+` && echo >systemd-resolved.deb ;; esac
`)
	write(filepath.Join(bin, "apt-cache"), `#!/bin/sh
sed -n 's/^has /Version: /p' `+world+"\n")
	write(filepath.Join(bin, "dpkg-deb"), "#!/bin/sh\n")
	missing, newer := filepath.Join(into, "newer.missing"), filepath.Join(into, "newer/version")
	for _, tt := range []struct {
		name, world string
		fails       bool
		missing     bool
	}{
		{"no network", "", false, true},
		{"an old one alone", "has 257.8-1\ncomes\n", false, true},
		{"it does not come", "has 262.1-1\n", true, false},
		{"it comes", "has 262.1-1\ncomes\n", false, false},
		{"it is there", "", false, false},
	} {
		write(world, tt.world)
		c := exec.Command("./resolved.sh", into)
		c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		if (err != nil) != tt.fails || tt.fails && !strings.Contains(string(out), "systemd-resolved of 258 or later") {
			t.Errorf("%s: %v\n%s", tt.name, err, out)
		}
		if _, err := os.Stat(missing); (err == nil) != tt.missing {
			t.Errorf("%s: newer.missing: %v\n%s", tt.name, err, out)
		}
		if _, err := os.Stat(newer); (err == nil) != strings.HasPrefix(tt.name, "it comes") && tt.name != "it is there" {
			t.Errorf("%s: newer/version: %v\n%s", tt.name, err, out)
		}
	}
}
