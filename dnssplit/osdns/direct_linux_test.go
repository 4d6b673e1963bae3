package osdns

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// What is known of the file beside its text stays, through both swaps.
func TestAttributesStay(t *testing.T) {
	f := newOffice(t)
	path := f.o.path(resolvConf)
	const label = "system_u:object_r:net_conf_t:s0"
	if err := errors.Join(os.Chmod(path, 0o640), os.Chown(path, 12, 34), unix.Setxattr(path, "security.selinux", []byte(label), 0)); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		c, err := look(path)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := unix.Getxattr(path, "security.selinux", b)
		if err != nil || string(b[:n]) != label || c.Perm != 0o640 || c.UID != 12 || c.GID != 34 {
			t.Errorf("%s: %v, %d, %d, %q, %v", when, c.Perm, c.UID, c.GID, b[:max(0, n)], err)
		}
	}
	f.apply(want("corp.example"))
	check("applied")
	f.undo()
	check("undone")
}

func TestWhereItLies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(f *office)
		target string // while applied
		check  func(f *office)
	}{
		{"a link to another's file", func(f *office) {
			write(f.t, f.o, "/run/NetworkManager/resolv.conf", officeConf)
			f.t.Chdir(f.o.path("/etc"))
			os.Remove("resolv.conf")
			os.Symlink("../run/NetworkManager/resolv.conf", "resolv.conf")
		}, "/run/NetworkManager/resolv.conf", nil},
		{"an absolute link", func(f *office) {
			write(f.t, f.o, "/run/NetworkManager/resolv.conf", officeConf)
			os.Remove(f.o.path(resolvConf))
			os.Symlink("/var/run/NetworkManager/resolv.conf", f.o.path(resolvConf))
		}, "/run/NetworkManager/resolv.conf", nil},
		{"a link to no file in a folder", func(f *office) {
			os.MkdirAll(f.o.path("/run/nothing"), 0o755)
			os.Remove(f.o.path(resolvConf))
			os.Symlink("../run/nothing/resolv.conf", f.o.path(resolvConf))
		}, "/run/nothing/resolv.conf", nil},
		{"a link to no folder", func(f *office) {
			os.Remove(f.o.path(resolvConf))
			os.Symlink("../run/nothing/resolv.conf", f.o.path(resolvConf))
		}, resolvConf, nil},
		{"no file", func(f *office) { os.Remove(f.o.path(resolvConf)) }, resolvConf, nil},
		{"an empty file", func(f *office) { write(f.t, f.o, resolvConf, "") }, resolvConf, nil},
		{"a file without an end of line", func(f *office) { write(f.t, f.o, resolvConf, "# x\nnameserver 1.2.3.4") }, resolvConf, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newOffice(t)
			tt.before(f)
			before := snapshot(t, f.o)
			for range 2 {
				f.apply(want("corp.example"))
				c, err := look(f.o.path(tt.target))
				if err != nil || c == nil || c.Link != "" || !covered(c.Text) {
					t.Errorf("at %s is %+v, %v", tt.target, c, err)
				}
				if got := parseConf([]byte(read(t, f.o, tt.target))).Servers; !slices.Equal(got, []netip.Addr{ourServer}) {
					t.Errorf("servers %v", got)
				}
			}
			f.again()
			f.undo()
			if diff := cmp.Diff(before, snapshot(t, f.o)); diff != "" {
				t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
			}
		})
	}
}

// snapshot is all below /etc and /run, with what links lead to.
func snapshot(t *testing.T, o Options) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range []string{"/etc", "/run"} {
		err := filepath.WalkDir(o.path(dir), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			c, err := look(path)
			if err == nil {
				all[path] = c.Link + "\n" + string(c.Text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// In a container the file is mounted, and cannot be replaced.
func TestMounted(t *testing.T) {
	f := newOffice(t)
	write(t, f.o, "/run/mounted", officeConf)
	path := f.o.path(resolvConf)
	if err := unix.Mount(f.o.path("/run/mounted"), path, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	f.apply(want("corp.example"))
	if got := parseConf([]byte(f.conf())).Servers; !slices.Equal(got, []netip.Addr{ourServer}) {
		t.Errorf("servers %v", got)
	}
	f.undo()
	if diff := cmp.Diff(officeConf, f.conf()); diff != "" {
		t.Errorf("undone, it is not what it was (-want +got):\n%s", diff)
	}
	if left, _ := filepath.Glob(f.o.path("/etc/.*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What somebody writes in the moment of the swap is not lost.
func TestWrittenAtTheSameMoment(t *testing.T) {
	const newer = "nameserver 10.9.0.77\nsearch newer.example\n"
	for _, does := range []string{"apply", "undo"} {
		f := newOffice(t)
		if does == "undo" {
			f.apply(want("corp.example"))
		}
		once := sync.Once{}
		f.d.step = func(at string) {
			if at == "whole" {
				once.Do(func() { write(t, f.o, resolvConf, newer) })
			}
		}
		if does == "undo" {
			f.undo()
		} else if got := f.apply(want("corp.example")).Upstreams; len(got) != 1 || !slices.Equal(got[0].Servers, ports("10.9.0.77")) {
			t.Errorf("upstreams are %v", got)
		} else {
			f.undo()
		}
		if diff := cmp.Diff(newer, f.conf()); diff != "" {
			t.Errorf("%s: it is not what was written (-want +got):\n%s", does, diff)
		}
	}
}

// A shell opens and empties a file before it writes.
func TestNotReadHalfWritten(t *testing.T) {
	const newer = "nameserver 10.9.0.77\n"
	f := newOffice(t)
	f.apply(want("corp.example"))
	file, err := os.OpenFile(f.o.path(resolvConf), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(100 * time.Millisecond) // any time that is less than it waits
		file.WriteString(newer)
		file.Close()
	}()
	told := f.apply(want("corp.example"))
	<-done
	if len(told.Upstreams) != 1 || !slices.Equal(told.Upstreams[0].Servers, ports("10.9.0.77")) {
		t.Errorf("upstreams are %v", told.Upstreams)
	}
	f.undo()
	if diff := cmp.Diff(newer, f.conf()); diff != "" {
		t.Errorf("it is not what was written (-want +got):\n%s", diff)
	}
}

// What was taken in another network or boot is not put back where its program says
// what it wants in this.
func TestFresher(t *testing.T) {
	f := newOffice(t)
	f.apply(want("corp.example"))
	const fresh = "# Generated by NetworkManager\nnameserver 10.200.0.1\n"
	write(t, f.o, "/run/NetworkManager/resolv.conf", fresh)
	j, err := readJournal(f.o)
	if err != nil {
		t.Fatal(err)
	}
	j.Place.Boot = "another"
	if err := j.write(f.o); err != nil {
		t.Fatal(err)
	}
	f.again()
	f.undo()
	if diff := cmp.Diff(fresh, f.conf()); diff != "" {
		t.Errorf("put back (-want +got):\n%s", diff)
	}
}

func TestAppliedTwiceWritesOnce(t *testing.T) {
	f := newOffice(t, "vpnc-scripts")
	f.up(vpn{dev: "tun0", pid: 1, domain: "corp.vpn.example"})
	f.apply(want("corp.example"))
	stat := func() [2]time.Time {
		var at [2]time.Time
		for i, name := range []string{resolvConf, journalFile} {
			info, err := os.Stat(f.o.path(name))
			if err != nil {
				t.Fatal(err)
			}
			at[i] = info.ModTime()
		}
		return at
	}
	before := stat()
	f.apply(want("corp.example"))
	f.again()
	f.apply(want("corp.example"))
	if got := stat(); got != before {
		t.Errorf("written at %v, and again at %v", before, got)
	}
}
