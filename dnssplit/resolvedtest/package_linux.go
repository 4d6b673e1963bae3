package resolvedtest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Package is the folder of a package of Debian, unpacked below build/ and not
// installed: those for names would change this machine's own. It is not to be
// changed.
func Package(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(module(t), "build", "debian", name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	next, err := os.MkdirTemp(filepath.Dir(dir), name)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(next)
	run := func(program string, args ...string) error {
		c := exec.Command(program, args...)
		c.Dir = next
		out, err := c.CombinedOutput()
		if err != nil {
			t.Logf("%s: %v\n%s", c, err, out)
		}
		return err
	}
	if run("apt-get", "download", name) != nil && (run("apt-get", "update") != nil || run("apt-get", "download", name) != nil) {
		t.Fatalf("Debian's %s cannot be had: see above", name)
	}
	debs, err := filepath.Glob(filepath.Join(next, "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("downloaded: %v, %v", debs, err)
	}
	root := filepath.Join(next, "root")
	if run("dpkg-deb", "-x", debs[0], root) != nil {
		t.FailNow()
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return dir
}
