package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const socketLink = "etc/systemd/system/sockets.target.wants/tidegate-helper.socket"

// lifeRoot is a test root where systemd seems to run: what it is asked to start and to
// stop is written down, and what it is asked of links is done. Starting fails where
// the file /tmp/broken is.
func lifeRoot(t *testing.T) *testRoot {
	t.Helper()
	r := newTestRoot(t)
	deb := pack(t, "tidegate_*.deb")
	text, err := os.ReadFile(deb)
	r.must("read", err)
	r.must("copy", os.WriteFile(filepath.Join(r.dir, "tmp/tidegate.deb"), text, 0o644))
	r.must("mkdir", os.MkdirAll(filepath.Join(r.dir, "run/systemd/system"), 0o755))
	r.must("write", os.WriteFile(filepath.Join(r.dir, "tmp/systemctl"), []byte(`#!/bin/sh
case " $* " in
*" start "*) echo start >>/tmp/asked; [ ! -e /tmp/broken ] || { echo "Job failed." >&2; exit 1; } ;;
*" stop "*) echo stop >>/tmp/asked; [ ! -e /tmp/broken ] || exit 1 ;;
*" try-restart "*) echo restart >>/tmp/asked; [ ! -e /tmp/broken ] || exit 1 ;;
*" daemon-reload "*) ;;
*" reload NetworkManager.service "*) echo reload >>/tmp/asked; [ ! -e /tmp/broken ] || exit 1 ;;
*" is-active "*NetworkManager*) [ -e /tmp/manager ] || exit 3 ;;
*" is-active "*) exit 3 ;;
*) SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl "$@" ;;
esac
`), 0o755))
	r.must("policy", os.RemoveAll(filepath.Join(r.dir, "usr/sbin/policy-rc.d")))
	r.env = append(r.env, "PATH=/tmp:/usr/sbin:/usr/bin:/sbin:/bin")
	return r
}

// asked is what systemd was asked since the last time.
func (r *testRoot) asked() string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "tmp/asked"))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	r.must("forget", os.RemoveAll(filepath.Join(r.dir, "tmp/asked")))
	return strings.Join(strings.Fields(string(text)), " ")
}

// Whether the helper's socket is there is as it was: after an upgrade, and after a
// removal and another installation. What cannot be started, or is masked, is in the
// way of none of them.
func TestSocketIsAsItWas(t *testing.T) {
	r := lifeRoot(t)
	dpkg := func(arg ...string) func() {
		return func() {
			t.Helper()
			r.run("dpkg", append([]string{"--force-unsafe-io", "--force-confold", "--no-triggers"}, arg...)...)
		}
	}
	systemctl := func(arg ...string) func() {
		return func() {
			t.Helper()
			r.run("systemctl", append(arg, "tidegate-helper.socket", "tidegate-helper-recover.service")...)
		}
	}
	broken, manager := filepath.Join(r.dir, "tmp/broken"), filepath.Join(r.dir, "tmp/manager")
	install, remove, purge := dpkg("--install", "/tmp/tidegate.deb"), dpkg("--remove", "tidegate"), dpkg("--purge", "tidegate")
	for _, step := range []struct {
		name    string
		do      func()
		enabled bool
		asked   string
	}{
		{"installed", install, true, "start restart"},
		{"removed", remove, false, "stop"},
		{"installed again", install, true, "start restart"},
		{"upgraded", install, true, "restart"},
		{"switched off", systemctl("disable"), false, ""},
		{"upgraded, switched off", install, false, "restart"},
		{"removed, switched off", remove, false, "stop"},
		{"installed again, switched off", install, false, "restart"},
		{"masked", systemctl("mask"), false, ""},
		{"upgraded, masked", install, false, "restart"},
		{"removed, masked", remove, false, "stop"},
		{"installed again, masked", install, false, "restart"},
		{"unmasked", systemctl("unmask"), false, ""},
		{"purged", purge, false, "stop"},
		{"broken", func() { r.must("break", os.WriteFile(broken, nil, 0o644)) }, false, ""},
		{"installed where nothing starts", install, true, "start restart"},
		{"purged where nothing stops", purge, false, "stop"},
		{"managed", func() { r.must("manage", os.WriteFile(manager, nil, 0o644)) }, false, ""},
		{"installed beside a broken NetworkManager", install, true, "start reload restart"},
		{"mended", func() { r.must("mend", os.Remove(broken)) }, true, ""},
		{"upgraded beside NetworkManager", install, true, "reload restart"},
	} {
		step.do()
		if got, asked := r.has(socketLink), r.asked(); got != step.enabled || asked != step.asked {
			t.Errorf("%s: the socket is enabled: %v, want %v; systemd was asked to %q, want %q", step.name, got, step.enabled, asked, step.asked)
		}
	}
}

// A group that somebody else needs by now stays, and is in the way of no purge.
func TestPurgeLeavesAGroupInUse(t *testing.T) {
	r := lifeRoot(t)
	r.run("dpkg", "--force-unsafe-io", "--no-triggers", "--install", "/tmp/tidegate.deb")
	r.run("useradd", "--gid", "tidegate", "--no-create-home", "harbour")
	out := r.run("dpkg", "--no-triggers", "--purge", "tidegate")
	if group := r.run("getent", "group", "tidegate"); !strings.HasPrefix(group, "tidegate:") || !strings.Contains(out, "group tidegate stays") {
		t.Errorf("the group is %q, and it says:\n%s", group, out)
	}
}
