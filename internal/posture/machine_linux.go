package posture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/wire"
)

// machine is what the built-in claims are read from: with it given, each is a
// function of it alone.
type machine struct {
	root     fs.FS
	version  string
	uid      int
	groups   []int                   // the process's
	getenv   func(key string) string // the process's
	rules    func() ([]chain, error) // the kernel's, which only some may read
	settings func(ctx context.Context, schema, key string) (value string, known bool)
}

func builtin(o Options) func() []probe {
	m := machine{root: o.Root, version: o.Version, uid: os.Geteuid(), getenv: os.Getenv, rules: ruleset, settings: gsettings}
	if m.root == nil {
		m.root = os.DirFS("/")
	} else {
		m.rules = func() ([]chain, error) { return nil, errors.New("not this machine's") }
		m.settings = func(context.Context, string, string) (string, bool) { return "", false }
	}
	if groups, err := os.Getgroups(); err == nil {
		m.groups = append(groups, os.Getegid())
	}
	return m.probes
}

func (m machine) probes() []probe {
	lock := probe{key: probeKey{builtin: "screen_lock"}, dear: true, paths: m.lockFiles()}
	lock.run = flag("screen_lock", m.screenLock)
	return []probe{
		{key: probeKey{builtin: "system"}, paths: []string{"/etc/os-release", "/usr/lib/os-release", "/etc/hostname"}, run: m.system},
		{key: probeKey{builtin: "admin"}, paths: []string{"/etc/group"}, run: flag("admin", m.admin)},
		{key: probeKey{builtin: "disk_encryption"}, run: flag("disk_encryption", m.diskEncryption)},
		{key: probeKey{builtin: "firewall"}, paths: firewallFiles, run: flag("firewall", m.firewall)},
		lock,
		addressProbe(),
	}
}

// flag is the run of a probe that finds out one claim.
func flag(name string, find func(context.Context) (on, known bool)) func(context.Context, wire.DeviceClaims) {
	return func(ctx context.Context, c wire.DeviceClaims) {
		if on, known := find(ctx); known {
			c[name] = on
		}
	}
}

// system finds out what is said in files of a line.
func (m machine) system(_ context.Context, c wire.DeviceClaims) {
	c["os_name"] = "linux"
	release, err := readSmall(m.root, "etc/os-release")
	if err != nil {
		release, _ = readSmall(m.root, "usr/lib/os-release")
	}
	id, version := parseRelease(string(release))
	for name, text := range map[string]string{
		"os_name":        id,
		"os_version":     version,
		"hostname":       m.line("proc/sys/kernel/hostname"),
		"kernel":         m.line("proc/sys/kernel/osrelease"),
		"client_version": m.version,
	} {
		if text != "" && len(text) <= maxText {
			c[name] = text
		}
	}
}

// parseRelease reads ID and VERSION_ID of os-release(5).
func parseRelease(text string) (id, version string) {
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		v = strings.Trim(v, `"'`)
		switch k {
		case "ID":
			id = v
		case "VERSION_ID":
			version = v
		}
	}
	return id, version
}

// line returns the text of a file of one line, or nothing.
func (m machine) line(name string) string {
	b, err := readSmall(m.root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// exists says whether something lies there, be it a link that leads nowhere.
func (m machine) exists(name string) bool {
	_, err := fs.Lstat(m.root, name)
	return err == nil
}

// maxSmall is how much is read of a file of settings.
const maxSmall = 1 << 20

// readSmall reads a file that is not expected to be long.
func readSmall(root fs.FS, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSmall))
}

// inRoot turns an absolute path into one of an fs.FS.
func inRoot(path string) string { return strings.TrimPrefix(filepath.Clean(path), "/") }

// openRegular opens a file to read it, if it is a regular one: to look at a
// FIFO or a device first does neither block nor touch it.
func openRegular(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if s.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
}
