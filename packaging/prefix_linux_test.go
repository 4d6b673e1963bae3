package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// archiveOf is an archive, unpacked, of a menu entry and a program.
func archiveOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range map[string]string{
		"install.sh": "linux/install.sh",
		"files/usr/share/applications/" + id + ".desktop": "linux/" + id + ".desktop",
		"files/usr/bin/tidegate":                          "linux/install.sh", // any program
	} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A menu entry and a unit cannot name programs in just any folder: it is said before
// anything is written.
func TestPrefixThatNothingCouldStart(t *testing.T) {
	archive := archiveOf(t)
	for _, name := range []string{"a b", "a&b", "a|b", `a\b`, "100%", "a$HOME", "a'b", `a"b`, "a;b", "a\nb", "~a"} {
		prefix := filepath.Join(t.TempDir(), name)
		out, err := exec.CommandContext(t.Context(), filepath.Join(archive, "install.sh"), "--user", "--prefix", prefix).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "choose another by --prefix") {
			t.Errorf("%q: %v, %s", name, err, out)
		}
		if _, err := os.Stat(prefix); err == nil {
			t.Errorf("%q: something is there", name)
		}
	}
}

// But in any that people have.
func TestPrefixOfOnesOwn(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "josé_1.0+x@y,z-ß")
	c := exec.CommandContext(t.Context(), filepath.Join(archiveOf(t), "install.sh"), "--user", "--prefix", prefix)
	c.Env = append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(prefix, "share/applications", id+".desktop"))
	if err != nil || !strings.Contains(string(text), "\nExec="+prefix+"/bin/tidegate %u\n") {
		t.Errorf("%v\n%s", err, text)
	}
}
