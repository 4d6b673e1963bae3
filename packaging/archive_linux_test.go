package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unpacked unpacks an archive, and returns its one folder.
func unpacked(t *testing.T, archive, into string) string {
	t.Helper()
	if err := os.MkdirAll(into, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", into, "-xf", archive).CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v\n%s", err, out)
	}
	return filepath.Join(into, strings.TrimSuffix(filepath.Base(archive), ".tar.xz"))
}

// The archive's script installs for everybody, and removes all of it.
func TestArchiveForEverybody(t *testing.T) {
	archive := pack(t, "tidegate-0*.tar.xz")
	r := newTestRoot(t)
	folder := strings.TrimPrefix(unpacked(t, archive, filepath.Join(r.dir, "tmp")), r.dir)

	rpm := filepath.Join(r.dir, "usr/bin/rpm")
	r.must("write", os.WriteFile(rpm, []byte("#!/bin/sh\nexit 0 # all is installed\n"), 0o755))
	if out, err := r.try(folder + "/install.sh"); err == nil || !strings.Contains(out, "dnf remove tidegate") {
		t.Errorf("beside a package: %v, %s", err, out)
	}
	r.must("remove", os.Remove(rpm))
	r.run("/bin/sh", "-c", "umask 077; exec "+folder+"/install.sh") // as careful administrators have it
	for _, name := range []string{"usr/local/share/tidegate", "usr/local/share/tidegate/install.sh", "etc/tidegate"} {
		if info, err := os.Stat(filepath.Join(r.dir, name)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("not everybody may look at %s: %v, %v", name, info, err)
		}
	}
	if out := r.run("/usr/local/bin/tidegate", "--version"); !strings.HasPrefix(out, "tidegate ") {
		t.Errorf("the program says %q", out)
	}
	for name, want := range map[string]string{
		"usr/local/share/applications/" + id + ".desktop":       "\nExec=/usr/local/bin/tidegate %u\n",
		"etc/xdg/autostart/" + id + ".desktop":                  "\nExec=/usr/local/bin/tidegate\n",
		"etc/systemd/user/tidegate.service":                     "\nExecStart=/usr/local/bin/tidegate\n",
		"etc/systemd/system/tidegate-helper.service":            "\nExecStart=/usr/local/libexec/tidegate-helper\n",
		"etc/systemd/system/tidegate-helper-recover.service":    "\nExecStart=/usr/local/libexec/tidegate-helper -recover\n",
		"usr/share/polkit-1/actions/org.tidegate.helper.policy": ">/usr/local/libexec/tidegate-helper-setup<",
		"etc/tidegate/helper.toml":                              "\ngroup = \"tidegate\"\n",
	} {
		if !strings.Contains(r.read(name), want) {
			t.Errorf("%s lacks %q", name, want)
		}
	}
	if !r.has(socketLink) {
		t.Error("nothing starts the helper")
	}
	if out := r.run("xdg-mime", "query", "default", "x-scheme-handler/tidegate"); out != id+".desktop" {
		t.Errorf("a click on a link opens %q", out)
	}
	if text := r.read("etc/xdg/autostart/" + id + ".desktop"); !strings.Contains(text, "\nTryExec=/usr/local/bin/tidegate\n") {
		t.Errorf("a desktop would look for the program elsewhere:\n%s", text)
	}
	// Over it, which changes nothing that the administrator has decided.
	r.run("systemctl", "disable", "tidegate-helper.socket")
	r.run(folder + "/install.sh")
	if r.has(socketLink) {
		t.Error("a newer one has the socket enabled, which was disabled")
	}

	r.run("/usr/local/share/tidegate/install.sh", "--remove")
	r.must("remove", os.RemoveAll(filepath.Join(r.dir, "etc/tidegate"))) // the administrator's
	if left := r.changed(); len(left) > 0 {
		t.Errorf("these are left:\n%s", strings.Join(left, "\n"))
	}
	if out, err := r.try("/bin/sh", folder+"/install.sh", "--remove"); err == nil || !strings.Contains(out, "nothing that I installed") {
		t.Errorf("removed again: %v, %s", err, out)
	}
}

// And for one user, without any rights.
func TestArchiveForOneself(t *testing.T) {
	home := t.TempDir()
	script := unpacked(t, pack(t, "tidegate-0*.tar.xz"), t.TempDir()) + "/install.sh"
	run := func(arg ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), script, arg...)
		c.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", arg, err, out)
		}
		return string(out)
	}
	if out := run("--user"); !strings.Contains(out, "install.sh --remove --user") || !strings.Contains(out, ".local/bin is not in your PATH") {
		t.Errorf("it says %s", out)
	}
	for name, want := range map[string]string{
		".local/share/applications/" + id + ".desktop": "\nExec=" + home + "/.local/bin/tidegate %u\n",
		".config/autostart/" + id + ".desktop":         "\nExec=" + home + "/.local/bin/tidegate\n",
		".config/systemd/user/tidegate.service":        "\nExecStart=" + home + "/.local/bin/tidegate\n",
	} {
		if text, err := os.ReadFile(filepath.Join(home, name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q: %v", name, want, err)
		}
	}
	if _, err := os.Stat(filepath.Join(home, ".local/libexec")); err == nil {
		t.Error("the helper is there, which takes root")
	}
	run("--user", "--remove")
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("these are left (%v): %v", err, left)
	}
}
