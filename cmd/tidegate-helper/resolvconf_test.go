//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// collect has the machine's resolv.conf made by a package that collects what
// others want, which is there as if it were installed. The helper starts anew.
func (m *machine) collect(name string) {
	m.t.Helper()
	m.kill()
	pkg, more := resolvedtest.Package(m.t, name), filepath.Join(m.dir, "more")
	// An init system that has none of the services that are told of changes.
	if err := os.Mkdir(more, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(more, "service"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Remove(m.path()); err != nil {
		m.t.Fatal(err)
	}
	etc := filepath.Join(m.files, "etc")
	if err := os.MkdirAll(filepath.Join(m.files, "var"), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink("/run", filepath.Join(m.files, "var/run")); err != nil {
		m.t.Fatal(err)
	}
	for _, from := range []string{"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", filepath.Join(pkg, "etc/resolvconf")} {
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if out, err := exec.Command("cp", "-a", from, etc).CombinedOutput(); err != nil {
			m.t.Fatalf("copy %s: %v: %s", from, err, out)
		}
	}
	if name == "resolvconf" {
		if err := os.Symlink("../run/resolvconf/resolv.conf", m.path()); err != nil {
			m.t.Fatal(err)
		}
	}
	mounts := m.mounts(map[string]string{"/usr/sbin": more + ":" + filepath.Join(pkg, "sbin"), "/usr/lib": filepath.Join(pkg, "lib")})
	in := func(c *exec.Cmd) error {
		return m.space.Do(func() error {
			// A thread that shares its working directory with others may not change its mounts.
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			if err := unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS); err != nil {
				return err
			}
			return c.Start()
		})
	}
	m.root, m.start0 = "/", in
	m.records = func(text string, arg ...string) {
		m.t.Helper()
		c := exec.Command("/usr/sbin/resolvconf", arg...)
		c.Path, c.Err = "/usr/sbin/resolvconf", nil
		c.Stdin = strings.NewReader(text)
		out := &log{}
		c.Stdout, c.Stderr = out, out
		err := in(c)
		if err == nil {
			err = c.Wait()
		}
		if err != nil {
			m.t.Logf("resolvconf %v: %v: %s", arg, err, out) // openresolv's, where it does not know the init system
		}
	}
	if name == "resolvconf" {
		if err := os.MkdirAll(filepath.Join(m.files, "run/resolvconf/interface"), 0o755); err != nil {
			m.t.Fatal(err)
		}
		m.records("", "--enable-updates")
	}
	m.records(lease, "-a", "phys0.dhclient")
	if !strings.Contains(m.conf(), "nameserver 192.168.7.1") {
		m.t.Fatalf("%s has made\n%s", name, m.conf())
	}
	m.start()
}

const lease = "search lan.example\nnameserver 192.168.7.1\n"

// mounts is a mount namespace where the machine's files are at their places, and
// folders above others.
func (m *machine) mounts(above map[string]string) *os.File {
	m.t.Helper()
	var f *os.File
	err := m.space.Do(func() error {
		if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		for dir, over := range above {
			if err := syscall.Mount("overlay", dir, "overlay", 0, "lowerdir="+over+":"+dir); err != nil {
				return fmt.Errorf("mount above %s: %w", dir, err)
			}
		}
		for _, dir := range []string{"etc", "run", "var"} {
			if err := syscall.Mount(filepath.Join(m.files, dir), "/"+dir, "", syscall.MS_BIND, ""); err != nil {
				return fmt.Errorf("mount /%s: %w", dir, err)
			}
		}
		var err error
		f, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/mnt", syscall.Gettid()))
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { f.Close() })
	return f
}

// readable says whether everybody may read resolv.conf, and what it is made of:
// name servers of this machine do, too, as users of their own.
func (m *machine) readable(when string) {
	m.t.Helper()
	names, _ := filepath.Glob(filepath.Join(m.files, "run/resolvconf/interface*/*"))
	if len(names) == 0 {
		m.t.Errorf("%s, there are no records", when)
	}
	for _, name := range append(names, m.path()) {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o644 {
			m.t.Errorf("%s, %s is %v, %v", when, name, info.Mode(), err)
		}
	}
}

// Where a program collects what others want of resolv.conf, a client that is killed
// has its names fail, and all others go on.
func TestTheAnswererIsKilledBesideResolvconf(t *testing.T) {
	for _, name := range []string{"resolvconf", "openresolv"} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "")
			m.collect(name)
			before := m.conf()
			for _, next := range []int{ada, bob} {
				a := m.answerer(ada)
				a.must("open")
				if got := a.must("apply " + zones); !strings.Contains(got, "mode="+name+" adapter=phys0") || !strings.Contains(got, "192.168.7.1:53") || !m.ours() {
					t.Errorf("%s\n%s", got, m.conf())
				}
				m.readable("applied")
				m.expect("beside the client", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
				a.kill()
				m.expect("in its place", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7", "7.0.96.100.in-addr.arpa", "SERVFAIL")
				m.records(strings.ReplaceAll(lease, "lan", "branch"), "-a", "phys0.dhclient")
				if !m.ours() {
					t.Errorf("the system no longer asks us:\n%s", m.conf())
				}
				m.records(lease, "-a", "phys0.dhclient")
				m.kill()
				m.start()
				m.expect("in its place, by the next helper", "wiki.corp.example", "SERVFAIL", "www.example.org", "203.0.113.7")
				n := m.answerer(next)
				n.must("open")
				n.must("apply " + zones)
				m.expect("by the next", "wiki.corp.example", app4.String(), "www.example.org", "203.0.113.7")
				if _, ok := m.parts()["standby"]; ok {
					t.Error("there is a standby still")
				}
				n.must("close")
				if m.conf() != before {
					t.Errorf("after the end:\n%s", m.conf())
				}
				m.readable("after the end")
				n.must("drop")
			}
			if names := m.leaked(); names != nil {
				t.Errorf("the network's server was asked for %v", names)
			}
		})
	}
}
