//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

const wait = time.Minute

// The users: two at the screen, and a stranger. Every Debian has the group.
const (
	ada, bob, eve = 61001, 61002, 61003
	users         = 100
)

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, wait)
		}
	}
}

// bed is a helper with its files.
type bed struct {
	t                *testing.T
	dir, socket      string
	cmd              *exec.Cmd
	said             *log
	sessions, config string
	root, bus        string
	start0           func(*exec.Cmd) error // starts programs of the machine's
}

// log is what a helper says.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const config = `
prefixes = ["100.96.0.0/16", "fd54:6964:6567::/48"]
devices = ["100.96.255.0/24", "fd54:6964:6567:ffff::/64"]
group = "users"
`

// newBed starts a helper, which logind's sessions let two users use.
func newBed(t *testing.T, more string) *bed {
	t.Helper()
	b := layBed(t, more)
	b.start()
	t.Cleanup(func() {
		if b.cmd.ProcessState != nil {
			b.start()
		}
		if err := os.Chmod(b.socket, 0o666); err != nil {
			t.Error(err)
		}
		for _, uid := range []int{ada, bob} {
			if got := b.run(uid, "close", ""); got != "ok" {
				t.Errorf("close of %d: %s", uid, got)
			}
		}
		if left := guards(t) + strings.Join(rules(t), "\n"); left != "" {
			t.Errorf("left behind: %s", left)
		}
		b.kill()
		if t.Failed() {
			t.Logf("the helper said: %s", b.said)
		}
	})
	return b
}

// layBed has all that a helper needs, and starts none.
func layBed(t *testing.T, more string) *bed {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b := &bed{t: t, dir: dir, socket: filepath.Join(dir, "helper.sock"), sessions: filepath.Join(dir, "sessions"), config: filepath.Join(dir, "etc", "helper.toml"),
		root: filepath.Join(dir, "root"), bus: "unix:path=" + filepath.Join(dir, "no-bus"), start0: (*exec.Cmd).Start}
	for _, d := range []string{b.sessions, filepath.Dir(b.config), filepath.Join(b.root, "etc"), filepath.Join(b.root, "run"), filepath.Join(b.root, "var/lib")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(b.config, []byte(config+more), 0o644); err != nil {
		t.Fatal(err)
	}
	b.session(ada, "1", "active")
	b.session(bob, "1", "active")
	return b
}

// program is the helper's, with what else it is told. As its unit does, it lets
// others read nothing that it makes.
func (b *bed) program(arg ...string) *exec.Cmd {
	return exec.Command("/bin/sh", append([]string{"-c", `umask 077 && exec "$@"`, "sh", built, "-config", b.config, "-journal", filepath.Join(b.dir, "journal"), "-sessions", b.sessions, "-root", b.root, "-bus", b.bus}, arg...)...)
}

func (b *bed) session(uid int, active, state string) {
	b.t.Helper()
	text := fmt.Sprintf("# This is private data. Do not parse.\nUID=%d\nUSER=x\nACTIVE=%s\nSTATE=%s\nREMOTE=0\nTYPE=wayland\nCLASS=user\nSEAT=seat0\n", uid, active, state)
	if err := os.WriteFile(filepath.Join(b.sessions, "c"+strconv.Itoa(uid)), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) start() {
	b.t.Helper()
	b.said = &log{}
	b.cmd = b.program("-socket", b.socket)
	b.cmd.Stderr = b.said
	if err := b.start0(b.cmd); err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "the helper", func() bool {
		c, err := net.Dial("unix", b.socket)
		if err == nil {
			c.Close()
		}
		return err == nil && strings.Contains(b.status("Seccomp"), "2")
	})
	if err := os.Chmod(b.socket, 0o666); err != nil { // as an administrator may
		b.t.Fatal(err)
	}
}

func (b *bed) kill() {
	b.cmd.Process.Kill()
	b.cmd.Wait()
}

// status is a line of the helper's status.
func (b *bed) status(key string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (b *bed) command(uid int, role, arg string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe") // cleanups run it too: no context of the test's
	cmd.Env = []string{roleEnv + "=" + role, sockEnv + "=" + b.socket, argEnv + "=" + arg, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	cmd.Stderr = os.Stderr
	return cmd
}

// run is what a short program of a user says.
func (b *bed) run(uid int, role, arg string) string {
	b.t.Helper()
	cmd := b.command(uid, role, arg)
	if uid == 0 {
		cmd.SysProcAttr = nil
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	err := b.start0(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		b.t.Errorf("%s as %d: %v", role, uid, err)
	}
	return strings.TrimSpace(out.String())
}

// person is a user whose client runs.
type person struct {
	b     *bed
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	name  string
	addrs [2]netip.Addr
	caps  string
}

// role is a user's program that does what it is told, line by line.
func (b *bed) role(uid int, role string) *person {
	b.t.Helper()
	u := &person{b: b, cmd: b.command(uid, role, "")}
	var err error
	if u.in, err = u.cmd.StdinPipe(); err != nil {
		b.t.Fatal(err)
	}
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	u.out = bufio.NewScanner(out)
	u.out.Buffer(nil, 1<<20)
	if err := b.start0(u.cmd); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(u.kill)
	return u
}

// client is a user's that has a device, answerer one that answers names, and vpn one
// that has a VPN.
func (b *bed) client(uid int) *person {
	b.t.Helper()
	u := b.role(uid, "client")
	first := u.line()
	f := strings.Fields(first)
	if len(f) != 6 || f[0] != "ok" || f[2] != "65500" {
		b.t.Fatalf("the client says %q", first)
	}
	u.name, u.addrs, u.caps = f[1], [2]netip.Addr{netip.MustParseAddr(f[3]), netip.MustParseAddr(f[4])}, f[5]
	return u
}

func (b *bed) answerer(uid int) *person { b.t.Helper(); return b.role(uid, "answerer") }
func (b *bed) vpn(uid int) *person      { b.t.Helper(); return b.role(uid, "vpn") }

func (u *person) line() string {
	u.b.t.Helper()
	if !u.out.Scan() {
		u.b.t.Fatal("the client has ended")
	}
	return u.out.Text()
}

func (u *person) say(text string) string {
	u.b.t.Helper()
	fmt.Fprintln(u.in, text)
	return u.line()
}

// must says something that succeeds.
func (u *person) must(text string) string {
	u.b.t.Helper()
	got := u.say(text)
	if got != "ok" && !strings.HasPrefix(got, "ok ") {
		u.b.t.Fatalf("%s: %s", text, got)
	}
	return got
}

func (u *person) kill() {
	if u.cmd.ProcessState == nil {
		u.cmd.Process.Kill()
		u.cmd.Wait()
	}
}

func hasLink(name string) bool {
	_, err := netlink.LinkByName(name)
	return err == nil
}

// rules are the policy rules that are not the kernel's.
func rules(t *testing.T) (lines []string) {
	t.Helper()
	for _, f := range []string{"-4", "-6"} {
		out, err := exec.Command("ip", f, "rule").CombinedOutput()
		if err != nil {
			t.Fatalf("ip rule: %v: %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "5200:") || strings.HasPrefix(line, "5201:") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}

func guards(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("nft", "list", "tables").CombinedOutput()
	if err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	return string(out)
}

// traffic sends to both applications, and holds against want what came of it.
func (b *bed) traffic(uid int, want string) {
	b.t.Helper()
	for _, a := range []netip.Addr{app4, app6} {
		got, _, _ := strings.Cut(b.run(uid, "send", a.String()), ":")
		if got != want && !(want == "no echo" && got != "echo") {
			b.t.Errorf("a datagram of %d to %v: %s, want %s", uid, a, got, want)
		}
	}
}

// rogue has the network lead the pools elsewhere, more specifically.
func rogue(t *testing.T) (undo func()) {
	t.Helper()
	var routes = []string{"100.96.0.0/24", "100.96.0.5/32", "fd54:6964:6567::/64", "fd54:6964:6567::5/128"}
	do := func(verb string) {
		for _, r := range routes {
			via := "192.168.7.1"
			if strings.Contains(r, ":") {
				via = "fd00:7::1"
			}
			if out, err := exec.Command("ip", "route", verb, r, "via", via, "dev", "phys0").CombinedOutput(); err != nil {
				t.Fatalf("ip route %s %s: %v: %s", verb, r, err, out)
			}
		}
	}
	do("add")
	return func() { do("del") }
}
