//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func TestADevice(t *testing.T) {
	b := newBed(t, "")
	ear := listenAt(t, "phys1")
	u := b.client(ada)
	l, err := netlink.LinkByName(u.name)
	if err != nil || l.Attrs().MTU != 65500 || l.Attrs().Flags&net.FlagUp == 0 {
		t.Fatalf("the device %s: %+v, %v", u.name, l, err)
	}
	b.traffic(ada, "echo")
	b.traffic(eve, "no echo") // it is ada's
	if n := ear.heard(); n != 0 {
		t.Errorf("%d packets have left by the Ethernet", n)
	}
	t.Run("a more specific route loses", func(t *testing.T) {
		defer rogue(t)()
		b.traffic(ada, "echo")
		b.traffic(eve, "no echo")
		b.traffic(0, "no echo")
		if n := ear.heard(); n != 0 {
			t.Errorf("%d packets have left by the Ethernet", n)
		}
	})
	t.Run("nobody borrows its address", func(t *testing.T) {
		for i, a := range []string{app4.String(), app6.String()} {
			if got := b.run(eve, "send", a+" "+u.addrs[i].String()); got == "echo" {
				t.Errorf("eve sends from %v: %s", u.addrs[i], got)
			}
		}
	})
	t.Run("one a user", func(t *testing.T) {
		if got := b.run(ada, "open", ""); got != "busy" {
			t.Errorf("a second: %s", got)
		}
	})
	t.Run("routes are what was said last", func(t *testing.T) {
		before := len(rules(t))
		if got := u.say("100.96.0.0/16 fd54:6964:6567::/48"); got != "ok" || len(rules(t)) != before {
			t.Errorf("the same again: %s, %v", got, rules(t))
		}
		if got := u.say("100.96.0.0/24"); got != "ok" || len(rules(t)) != 2 {
			t.Errorf("fewer: %s, %v", got, rules(t))
		}
		for _, hostile := range []string{"0.0.0.0/0", "10.0.0.0/8", "127.0.0.0/8", "192.168.7.0/24", "100.64.0.0/10", "::/0", "fd54::/16", "100.96.0.1/16"} {
			if got := u.say(hostile); got != "outside" && got != "bad-request" {
				t.Errorf("%s: %s", hostile, got)
			}
		}
		if got := u.say("100.96.0.0/16 fd54:6964:6567::/48"); got != "ok" {
			t.Error(got)
		}
		b.traffic(ada, "echo")
	})
	t.Run("the network's own addresses are its own", func(t *testing.T) {
		if out, err := exec.Command("ip", "addr", "add", "100.96.8.2/24", "dev", "phys0").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		defer exec.Command("ip", "addr", "del", "100.96.8.2/24", "dev", "phys0").Run()
		if got := u.say("100.96.0.0/16"); got != "conflict" {
			t.Error(got)
		}
	})
	if got := u.say("close"); got != "ok" {
		t.Fatalf("close: %s", got)
	}
	if hasLink(u.name) || len(rules(t)) > 0 || guards(t) != "" {
		t.Errorf("left behind: %v %v %s", hasLink(u.name), rules(t), guards(t))
	}
	if out, _ := exec.Command("sh", "-c", "ip route show type unreachable; ip -6 route show type unreachable; ip route show table 5301").Output(); len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("left behind: %s", out)
	}
	if files, err := filepath.Glob(filepath.Join(b.dir, "journal", "*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v (%v)", files, err)
	}
	ear.heard()
	b.traffic(ada, "no echo")
	if ear.heard() == 0 {
		t.Error("nothing leaves by the Ethernet after the clean end: the ear is deaf")
	}
}

// A client that is killed leaves no device and no rules, and nothing gets out.
func TestTheClientIsKilled(t *testing.T) {
	b := newBed(t, "")
	ear := listenAt(t, "phys1")
	u := b.client(ada)
	b.traffic(ada, "echo")
	u.kill()
	eventually(t, "the device to go", func() bool { return !hasLink(u.name) })
	eventually(t, "the rules to go", func() bool { return len(rules(t)) == 0 })
	b.traffic(ada, "no echo")
	undo := rogue(t)
	b.traffic(ada, "no echo")
	b.traffic(eve, "no echo")
	undo()
	if n := ear.heard(); n != 0 {
		t.Errorf("%d packets have left by the Ethernet", n)
	}
	b.client(ada)
	b.traffic(ada, "echo")
}

// A helper that is killed is missed by nobody, and the next goes on.
func TestTheHelperIsKilled(t *testing.T) {
	b := newBed(t, "")
	ear := listenAt(t, "phys1")
	u := b.client(ada)
	b.kill()
	b.traffic(ada, "echo")
	b.start()
	b.traffic(ada, "echo")
	if got := u.say("100.96.0.0/16"); got != "ok" {
		t.Errorf("routes by the next: %s", got)
	}
	if got := u.say("100.96.0.0/16 fd54:6964:6567::/48"); got != "ok" {
		t.Errorf("routes by the next: %s", got)
	}
	b.kill()
	u.kill()
	defer rogue(t)()
	b.traffic(ada, "no echo")
	b.start()
	eventually(t, "the rules to go", func() bool { return len(rules(t)) == 0 })
	b.traffic(ada, "no echo")
	if n := ear.heard(); n != 0 {
		t.Errorf("%d packets have left by the Ethernet", n)
	}
	if got := b.run(ada, "close", ""); got != "ok" || guards(t) != "" {
		t.Errorf("close: %s %s", got, guards(t))
	}
}

func TestTwoUsers(t *testing.T) {
	b := newBed(t, "")
	a, c := b.client(ada), b.client(bob)
	if a.name == c.name || a.addrs == c.addrs {
		t.Fatalf("%s %v and %s %v", a.name, a.addrs, c.name, c.addrs)
	}
	b.traffic(ada, "echo")
	b.traffic(bob, "echo")
	a.kill()
	eventually(t, "the device to go", func() bool { return !hasLink(a.name) })
	b.traffic(ada, "no echo")
	b.traffic(bob, "echo")
	if got := b.run(ada, "close", ""); got != "ok" {
		t.Error(got)
	}
	b.traffic(bob, "echo")
}

// Others' programs, which find the same addresses by name, are soon told that
// these lead nowhere.
func TestOthersAreRefused(t *testing.T) {
	b := newBed(t, "")
	ear := listenAt(t, "phys1")
	u := b.client(ada)
	for _, uid := range []int{eve, 0} {
		for _, a := range []string{app4.String(), app6.String()} {
			if got := b.run(uid, "dial", a); !strings.HasPrefix(got, "refused") {
				t.Errorf("a connection of %d to %s: %s", uid, a, got)
			}
		}
	}
	b.traffic(eve, "no echo")
	b.traffic(ada, "echo")
	if got := u.say("close"); got != "ok" {
		t.Error(got)
	}
	if n := ear.heard(); n != 0 {
		t.Errorf("%d packets have left by the Ethernet", n)
	}
}

func TestWhoMay(t *testing.T) {
	b := newBed(t, "")
	if got := b.run(eve, "open", ""); got != "stranger" {
		t.Errorf("a stranger: %s", got)
	}
	for _, tt := range []struct{ name, active, state string }{
		{"another is at the screen", "0", "online"},
		{"she is leaving", "1", "closing"},
	} {
		b.session(eve, tt.active, tt.state)
		if got := b.run(eve, "open", ""); got != "stranger" {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
	b.session(eve, "1", "active")
	if got := b.run(eve, "open", ""); got != "ok" {
		t.Errorf("at the screen: %s", got)
	}
	b.session(eve, "1", "closing")
	if got := b.run(eve, "close", ""); got != "ok" || strings.Contains(guards(t), fmt.Sprint(eve)) {
		t.Errorf("leaving, she closes: %s %s", got, guards(t))
	}
	if err := os.Chmod(b.socket, 0o660); err != nil {
		t.Fatal(err)
	}
	if got := b.run(eve, "open", ""); got != "absent" {
		t.Errorf("where the socket lets only the group in: %s", got)
	}
	member := b.command(eve, "open", "")
	member.SysProcAttr.Credential.Groups = []uint32{61999, users}
	if out, err := member.Output(); strings.TrimSpace(string(out)) != "ok" {
		t.Errorf("a member of the group: %s (%v)", out, err)
	}
	if err := os.Chmod(b.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	b.run(eve, "close", "")
}

// Only listed programs are served, where there is a list.
func TestPrograms(t *testing.T) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, "programs = [\"/usr/bin/tidegate\"]\n")
	if got := b.run(ada, "open", ""); got != "stranger" {
		t.Errorf("another program: %s", got)
	}
	b = newBed(t, fmt.Sprintf("programs = [%q]\n", self))
	if got := b.run(ada, "open", ""); got != "ok" {
		t.Errorf("the program: %s", got)
	}
}

func TestTheHelperHasLittle(t *testing.T) {
	b := newBed(t, "")
	u := b.client(ada)
	if u.caps != "0000000000000000" {
		t.Errorf("the client has capabilities %s", u.caps)
	}
	const netAdmin = "0000000000001000"
	for key, want := range map[string]string{"CapEff": netAdmin, "CapPrm": netAdmin, "CapBnd": netAdmin, "CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"} {
		if got := b.status(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	var inet []string
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", b.cmd.Process.Pid, name))
		if err != nil {
			t.Fatal(err)
		}
		inet = append(inet, string(text))
	}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", b.cmd.Process.Pid))
	if err != nil || len(fds) == 0 {
		t.Fatal(fds, err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fd)
		if strings.HasPrefix(to, "/dev/net/") {
			t.Errorf("it keeps %s", to)
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok && strings.Contains(strings.Join(inet, ""), " "+strings.TrimSuffix(inode, "]")+" ") {
			t.Errorf("it has a socket of the Internet: %s", to)
		}
	}
	b.kill()
	if info, err := os.Stat(filepath.Join(b.dir, "journal")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the journal: %v, %v", info, err)
	}
}

// The socket is the group's from the moment it is there.
func TestTheSocket(t *testing.T) {
	b := newBed(t, "")
	b.kill()
	cmd := b.program("-socket", b.socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	var info fs.FileInfo
	eventually(t, "the socket", func() bool {
		var err error
		info, err = os.Stat(b.socket)
		return err == nil && info.Mode().Perm() == 0o660
	})
	if s := info.Sys().(*syscall.Stat_t); s.Uid != 0 || s.Gid != users {
		t.Errorf("it is %d:%d's", s.Uid, s.Gid)
	}
	b.start()
}

func TestManyOpens(t *testing.T) {
	b := newBed(t, "")
	links := func() int {
		all, err := netlink.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	fds := func() int {
		all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", b.cmd.Process.Pid))
		return len(all)
	}
	b.run(ada, "open", "5")
	eventually(t, "rest", func() bool { return !hasLink("tide61001") })
	links0, fds0 := links(), fds()
	if got := b.run(ada, "open", "300"); got != "ok" {
		t.Fatalf("open: %s", got)
	}
	// Connections that say nothing, and more than there is room for.
	var idle []net.Conn
	for range 300 {
		c, err := net.Dial("unix", b.socket)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	if n := fds(); n > fds0+2*256+10 {
		t.Errorf("300 connections hold %d descriptors", n)
	}
	// They are one user's, who has had more than that user's part.
	if got := b.run(bob, "open", ""); got != "ok" {
		t.Errorf("open beside another user's connections: %s", got)
	}
	for _, c := range idle {
		c.Close()
	}
	eventually(t, "room again", func() bool { return b.run(ada, "open", "") == "ok" })
	eventually(t, "the old state", func() bool { return links() == links0 && fds() <= fds0 })
}

// It does not start on what others may have written.
func TestStart(t *testing.T) {
	for _, tt := range []struct {
		name   string
		text   string
		change func(path string) error
		says   string
	}{
		{"the file is others' to write", config, func(p string) error { return os.Chmod(p, 0o666) }, "can be written by others"},
		{"the file is the group's to write", config, func(p string) error { return os.Chmod(p, 0o664) }, "can be written by others"},
		{"the folder is others' to write", config, func(p string) error { return os.Chmod(filepath.Dir(p), 0o777) }, "can be written by others"},
		{"the file is another's", config, func(p string) error { return os.Chown(p, ada, 0) }, "can be written by others"},
		{"the file is a link", config, func(p string) error { return os.Symlink(p, p+"2") }, ""},
		{"the default route", strings.Replace(config, "100.96.0.0/16", "0.0.0.0/0", 1), nil, "too large"},
		{"loopback", strings.Replace(config, "100.96.0.0/16", "127.0.0.0/8", 1), nil, "no network of applications"},
		{"an unknown setting", config + "run = \"/bin/sh\"\n", nil, "no setting"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "helper.toml")
			if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				if err := tt.change(path); err != nil {
					t.Fatal(err)
				}
			}
			if tt.says == "" {
				path, tt.says = path+"2", "too many levels"
			}
			cmd := exec.CommandContext(t.Context(), built, "-config", path, "-socket", filepath.Join(dir, "s"), "-journal", filepath.Join(dir, "journal"), "-root", dir, "-bus", "unix:path=/nowhere")
			timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
			defer timer.Stop()
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.says) {
				t.Errorf("it says %q (%v), want %q", out, err, tt.says)
			}
		})
	}
}
