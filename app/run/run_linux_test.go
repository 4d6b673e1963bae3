package run

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var sshSays = []string{"ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
	"-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "ada@shell.corp", "say"}

func curl(args ...string) []string {
	return append([]string{"curl", "-sS", "--max-time", "60"}, args...)
}

func sh(script string) []string { return []string{"sh", "-c", script} }

// Programs as they are reach the applications, and nothing else.
func TestPrograms(t *testing.T) {
	b := newBed(t)
	for _, tt := range []struct {
		name string
		args []string
		want string // part of what it says
		code int
	}{
		{"by name", curl("http://wiki.corp/"), "wiki for wiki.corp", 0},
		{"by IPv4", curl("-4", "http://wiki.corp/"), "wiki for wiki.corp", 0},
		{"by IPv6", curl("-6", "http://wiki.corp/"), "wiki for wiki.corp", 0},
		{"by address", curl("http://10.9.8.7/"), "wiki for 10.9.8.7", 0},
		{"ssh", sshSays, "hello from shell.corp", 0},
		{"refused", curl("http://shut.corp/"), "", 7},
		{"none of ours", curl("http://192.0.2.1/"), "", 7},
		{"a port that is none of ours", curl("http://wiki.corp:81/"), "", 7},
		{"another name", curl("http://www.example.com/"), "", 6},
		{"another name, looked up", []string{"getent", "hosts", "www.example.com"}, "", 2},
		{"below a domain", curl("http://new.lab.corp/"), "wiki for new.lab.corp", 0},
		{"below a domain, looked up", []string{"getent", "ahostsv4", "deep.below.lab.corp"}, "100.96.", 0},
		{"below a domain, by TCP", []string{"dig", "+tcp", "+short", "a.lab.corp"}, "100.96.", 0},
		{"below a domain, by UDP", []string{"dig", "+short", "AAAA", "a.lab.corp"}, "fd54:6964:6567:", 0},
		{"nothing of ours, asked", []string{"dig", "www.example.com"}, "status: REFUSED", 0},
		{"a name, looked up", []string{"getent", "ahostsv4", "wiki.corp"}, "100.96.1.1", 0},
		{"localhost", []string{"getent", "ahostsv4", "localhost"}, "127.0.0.1", 0},
		{"what else there is", sh("ls /sys/class/net /nonexistent 2>&1; cat /proc/net/dev | wc -l"), "4", 0},
		{"its code", sh("exit 42"), "", 42},
		{"its signal", sh("kill -USR1 $$"), "signal 10", -1},
		{"who it is", []string{"id", "-u"}, "0", 0},
		{"its privileges", sh("grep -E '^(Cap|NoNewPrivs)' /proc/self/status | tr -s '\\t\\n' ' '"),
			"CapInh: 0000000000000000 CapPrm: 0000000000000000 CapEff: 0000000000000000 CapBnd: 0000000000002000 CapAmb: 0000000000000000 NoNewPrivs: 0", 0},
		{"its network is settled", sh("ip link set lo down 2>&1 || mount -t tmpfs none /mnt 2>&1 || echo no"), "no", 0},
		{"no program", []string{"no-such-program"}, "tidegate: there is no program no-such-program; check its name, or give its path\n", 1},
		{"no such path", []string{"./no/such"}, "tidegate: there is no program ./no/such", 1},
		{"what cannot be executed", []string{"/etc/passwd"}, "tidegate: /etc/passwd cannot be executed", 1},
		{"nothing", nil, "tidegate: say which program", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if out, code := says(t, b.command(t, tt.args...)); code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("%d: %s", code, out)
			}
		})
	}
	b.devices.until(t, 0)
	b.devices.mu.Lock()
	defer b.devices.mu.Unlock()
	for _, a := range b.devices.asked {
		if a.Port == 53 {
			t.Errorf("a name was asked for at %s", a.Host)
		}
	}
}

func TestPing(t *testing.T) {
	b := newBed(t)
	if out, code := says(t, b.command(t, "ping", "-c", "1", "-W", "20", "wiki.corp")); code != 0 {
		t.Errorf("%d: %s", code, out)
	}
}

// A minimal root has no hosts file, and may have no resolv.conf either.
func TestMinimalRoots(t *testing.T) {
	b := newBed(t)
	for _, tt := range []struct {
		name, without string
		want          string // part of what it says
		code          int
	}{
		{"no hosts", "hosts", "wiki for new.lab.corp", 0}, // the tray process is asked
		{"no resolv.conf", "resolv.conf", "wiki for wiki.corp", 0},
		{"no nsswitch.conf", "nsswitch.conf", "wiki for wiki.corp", 0},
		{"neither hosts nor resolv.conf", "hosts resolv.conf", "create an empty /etc/hosts", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			etc := t.TempDir()
			if out, err := exec.CommandContext(t.Context(), "cp", "-a", "/etc/.", etc).CombinedOutput(); err != nil {
				t.Fatalf("copy /etc: %v: %s", err, out)
			}
			for _, name := range strings.Fields(tt.without) {
				if err := os.Remove(filepath.Join(etc, name)); err != nil {
					t.Fatal(err)
				}
			}
			c := b.command(t)
			host := "wiki.corp"
			if tt.without == "hosts" {
				host = "new.lab.corp"
			}
			c.Path, c.Args = "/usr/bin/unshare", slices.Concat([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc && exec "$@"`, etc, self(t)}, curl("http://"+host+"/"))
			if out, code := says(t, c); code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("%d: %s", code, out)
			}
		})
	}
}

// self is the test's binary, for a program that starts it.
func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// The program is this process: what is its own stays its own.
func TestTheProcessIsTheProgram(t *testing.T) {
	b := newBed(t)
	c := b.command(t, "sh", "-c", "echo $$; ps -o comm= -p $$; readlink /proc/self/cwd; umask; cat")
	c.Dir = "/usr"
	in := make([]byte, 1<<20)
	rand.Read(in)
	c.Stdin = bytes.NewReader(in)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.Bytes())
	}
	head, rest, _ := bytes.Cut(out.Bytes(), []byte("/usr\n"))
	_, rest, _ = bytes.Cut(rest, []byte("\n"))
	if want := strings.Fields(string(head)); len(want) < 2 || want[0] != itoa(c.Process.Pid) || want[1] != "sh" || errs.Len() > 0 {
		t.Errorf("it is %d and says %s %s", c.Process.Pid, head, errs.Bytes())
	}
	if !bytes.Equal(rest, in) {
		t.Errorf("%d bytes of %d went through", len(rest), len(in))
	}
}

func TestEnvironmentAndDescriptors(t *testing.T) {
	b := newBed(t)
	b.env = append(b.env, "EMPTY=", "ODD=a b\nc=d", "GODEBUG=x=1", "LD_NOTHING=1")
	out, _ := says(t, b.command(t, "env", "-0"))
	got := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	slices.Sort(got)
	want := slices.Sorted(slices.Values(b.env))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Whatever was open is, and the connection to the tray process.
	list := []string{"bash", "-c", "cd /proc/$$/fd; printf '%s\\n' [0-9]* 100"}
	before, _ := says(t, exec.CommandContext(t.Context(), list[0], list[1:]...))
	after, _ := says(t, b.command(t, list...))
	set := func(out string) []string {
		fds := strings.Fields(out)
		slices.Sort(fds)
		return slices.Compact(fds)
	}
	if diff := cmp.Diff(set(before), set(after)); diff != "" {
		t.Error(diff)
	}
	if out, _ := says(t, b.command(t, "sh", "-c", "ls $XDG_RUNTIME_DIR/tidegate")); out != "lock\nsocket" {
		t.Errorf("left behind: %s", out)
	}
}

// What was ignored is ignored, and nothing else. What that is, a program says that
// is started likewise without us: these tests may have been started with signals
// ignored themselves.
func TestSignals(t *testing.T) {
	b := newBed(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(trap string, start ...string) string {
		c := b.command(t)
		c.Path = "/bin/sh"
		c.Args = slices.Concat([]string{"sh", "-c", trap + " exec \"$@\"", "sh"}, start, []string{"grep", "^SigIgn", "/proc/self/status"})
		out, _ := says(t, c)
		return out
	}
	for _, trap := range []string{"", "trap '' HUP INT TERM PIPE USR2;"} {
		want := ignored(trap, "env")
		if got := ignored(trap, exe); !strings.HasPrefix(want, "SigIgn:") || got != want {
			t.Errorf("%s ignored: %s, want %s", trap, got, want)
		}
	}
	c := b.command(t, "sleep", "60")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	b.devices.until(t, 1)
	c.Process.Signal(syscall.SIGTERM)
	c.Wait()
	if s := c.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGTERM {
		t.Errorf("it ended by %v", c.ProcessState)
	}
	b.devices.until(t, 0)
}

// The network lasts for those that the program leaves behind, and for a program
// that closes what it does not know.
func TestHowLong(t *testing.T) {
	b := newBed(t)
	out := filepath.Join(t.TempDir(), "out")
	if said, code := says(t, b.command(t, "sh", "-c", "(sleep 1; curl -sS --max-time 60 http://wiki.corp/ >"+out+" 2>&1) >/dev/null 2>&1 &")); code != 0 {
		t.Errorf("%d: %s", code, said)
	}
	b.devices.until(t, 1)
	b.devices.until(t, 0)
	if got, err := os.ReadFile(out); err != nil || !strings.Contains(string(got), "wiki for wiki.corp") {
		t.Errorf("%q, %v", got, err)
	}
	if said, code := says(t, b.command(t, "bash", "-c", "exec 100>&-; sleep 0.5; curl -sS --max-time 60 http://wiki.corp/")); code != 0 || !strings.Contains(said, "wiki for") {
		t.Errorf("%d: %s", code, said)
	}
	b.devices.until(t, 0)
}

// The terminal is the program's: what is typed there to interrupt goes to it, once.
func TestTerminal(t *testing.T) {
	b := newBed(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := b.command(t)
	c.Path = "/usr/bin/script"
	c.Args = []string{"script", "-qec", "exec " + exe + ` sh -c 'trap "echo interrupted; exit 7" INT; test -t 0 && test -t 1 && echo ready; while :; do sleep 0.1; done'`, "/dev/null"}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	lines := bufio.NewScanner(out)
	var said []string
	for lines.Scan() {
		line := strings.TrimSuffix(strings.TrimPrefix(lines.Text(), "^C"), "\r")
		if said = append(said, line); line == "ready" {
			in.Write([]byte{3})
		}
	}
	in.Close()
	if got := strings.Join(said, " "); got != "ready interrupted" {
		t.Errorf("it says %q", got)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 7 {
		t.Errorf("it ended by %v", c.ProcessState)
	}
}
