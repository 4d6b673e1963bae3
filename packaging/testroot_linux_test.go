package packaging

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// testRoot is this machine as it is, to install and remove in: what is written there
// lies in memory, and nobody else sees it. No systemd runs there. Its methods are for
// the goroutine that made it.
type testRoot struct {
	t       *testing.T
	dir, up string
	env     []string
	cleared []string // what this machine has of Tidegate, and the root has not
}

func newTestRoot(t *testing.T) *testRoot {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("packages are installed as root: run the tests as root")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test, and its mounts with it
	base := t.TempDir()
	r := &testRoot{t: t, dir: filepath.Join(base, "root"), up: filepath.Join(base, "up"),
		env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}}
	work := filepath.Join(base, "work")
	r.must("unshare", syscall.Unshare(syscall.CLONE_NEWNS))
	r.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	r.mount("tmpfs", base, "tmpfs", 0, "mode=755")
	t.Cleanup(func() { r.must("unmount", unix.Unmount(base, unix.MNT_DETACH)) })
	for _, dir := range []string{r.dir, r.up, work} {
		r.must("mkdir", os.Mkdir(dir, 0o755))
	}
	r.mount("overlay", r.dir, "overlay", 0, "lowerdir=/,upperdir="+r.up+",workdir="+work)
	for _, dir := range []string{"/proc", "/dev"} {
		r.mount(dir, r.dir+dir, "", unix.MS_BIND|unix.MS_REC, "")
	}
	for _, dir := range []string{"/run", "/tmp"} {
		r.mount("tmpfs", r.dir+dir, "tmpfs", 0, "mode=1777")
	}
	for _, name := range []string{"etc/tidegate", "var/lib/tidegate"} {
		if r.has(name) {
			r.cleared = append(r.cleared, name)
			r.must("clear", os.RemoveAll(filepath.Join(r.dir, name)))
		}
	}
	return r
}

func (r *testRoot) must(what string, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
}

func (r *testRoot) mount(source, target, kind string, flags uintptr, data string) {
	r.t.Helper()
	r.must("mount "+target, unix.Mount(source, target, kind, flags, data))
}

// run runs a program there, which must end well, and returns what it wrote.
func (r *testRoot) run(name string, arg ...string) string {
	r.t.Helper()
	out, err := r.try(name, arg...)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arg, " "), err, out)
	}
	return out
}

// try runs a program there, which may fail.
func (r *testRoot) try(name string, arg ...string) (string, error) {
	r.t.Helper()
	c := exec.CommandContext(r.t.Context(), "chroot", append([]string{r.dir, name}, arg...)...)
	c.Env = r.env
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// has says whether a file is there.
func (r *testRoot) has(name string) bool {
	_, err := os.Lstat(filepath.Join(r.dir, name))
	return err == nil
}

func (r *testRoot) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	r.must("read", err)
	return string(text)
}

// kept is what others keep of any package: the list of packages, logs, and caches
// that are made anew of what is there.
var kept = []string{"var/lib/dpkg", "var/log", "var/cache", "etc/group-", "etc/gshadow-", "run/systemd",
	"usr/share/applications/mimeinfo.cache", "usr/share/icons/hicolor/icon-theme.cache", "usr/local/share/applications/mimeinfo.cache"}

// changed is what is not as it was before, but for what is kept.
func (r *testRoot) changed() []string {
	r.t.Helper()
	var all []string
	walk := func(top, prefix string) {
		r.must("walk", filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == top {
				return err
			}
			name := prefix + strings.TrimPrefix(path, top+"/")
			if slices.Contains(kept, name) {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if cleared := slices.Contains(r.cleared, name) && !r.has(name); prefix != "" || !cleared && !same(path, "/"+name, d) {
				all = append(all, name)
			}
			return nil
		}))
	}
	walk(r.up, "")
	walk(filepath.Join(r.dir, "run"), "run/")
	return all
}

// same says whether a file of the upper layer is as the one beneath it.
func same(upper, lower string, d fs.DirEntry) bool {
	info, err := os.Lstat(lower)
	if err != nil || info.Mode().Type() != d.Type() {
		return false
	}
	switch {
	case d.IsDir():
		return true
	case d.Type() == fs.ModeSymlink:
		a, err1 := os.Readlink(upper)
		b, err2 := os.Readlink(lower)
		return err1 == nil && err2 == nil && a == b
	case d.Type().IsRegular():
		a, err1 := os.ReadFile(upper)
		b, err2 := os.ReadFile(lower)
		return err1 == nil && err2 == nil && bytes.Equal(a, b)
	}
	return false
}
