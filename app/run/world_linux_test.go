package run

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/netlab"
)

func itoa(n int) string { return strconv.Itoa(n) }

// The local network takes the applications' addresses for its own, and a name
// server with them: programs outside go there, and those inside do not.
func TestRoguesOutside(t *testing.T) {
	b := newBed(t)
	client, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	rogue, err := netlab.NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	defer rogue.Close()
	if err := netlab.Connect(netlab.Wire{Space: client, Name: "eth0", Address: netip.MustParsePrefix("192.168.7.2/24")},
		netlab.Wire{Space: rogue, Name: "eth0", Address: netip.MustParsePrefix("192.168.7.1/24")}); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"100.96.1.1/32", "10.9.8.7/32"} {
		if err := rogue.Address("eth0", netip.MustParsePrefix(a), true); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"0.0.0.0/1", "128.0.0.0/1", "100.96.1.1/32", "10.9.8.7/32"} {
		if err := client.Route(netip.MustParsePrefix(p), netip.MustParseAddr("192.168.7.1"), "eth0"); err != nil {
			t.Fatal(err)
		}
	}
	var l net.Listener
	if err := rogue.Do(func() (err error) { l, err = net.Listen("tcp", ":80"); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "rogue") }))
	for _, host := range []string{"100.96.1.1", "10.9.8.7"} {
		for _, tt := range []struct {
			c    *exec.Cmd
			want string
		}{
			{exec.CommandContext(t.Context(), "curl", "-sS", "--max-time", "60", "http://"+host+"/"), "rogue"},
			{b.command(t, curl("http://"+host+"/")...), "wiki for " + host},
		} {
			var out strings.Builder
			tt.c.Stdout, tt.c.Stderr = &out, &out
			if err := client.Start(tt.c); err != nil {
				t.Fatal(err)
			}
			if err := tt.c.Wait(); err != nil || strings.TrimSpace(out.String()) != tt.want {
				t.Errorf("%v: %v, %s", tt.c.Args, err, out.String())
			}
		}
	}
}

func TestNotRunning(t *testing.T) {
	_, env := home(t)
	out, code := says(t, (&bed{env: env}).command(t, "true"))
	if code != 1 || out != "tidegate: Tidegate is not running; start it with: tidegate\n" {
		t.Errorf("%d: %s", code, out)
	}
}

// Where user namespaces are turned off, it says so.
func TestTurnedOff(t *testing.T) {
	b := newBed(t)
	c := b.command(t)
	c.Path = "/usr/bin/unshare"
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c.Args = []string{"unshare", "--user", "--map-root-user", "sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"`, "sh", exe, "true"}
	if out, code := says(t, c); code != 1 || out != "tidegate: user namespaces are turned off; allow them: sudo sysctl -w user.max_user_namespaces=10000\n" {
		t.Errorf("%d: %s", code, out)
	}
}

// Nothing of it needs root.
func TestUnprivileged(t *testing.T) {
	const uid = 1 // it has a name, which ssh wants
	runtime, env := home(t)
	dir := filepath.Dir(runtime)
	for _, d := range []string{dir, runtime} {
		if err := os.Chown(d, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	exe := copyOf(t, "/proc/self/exe", dir)
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	tray := exec.CommandContext(t.Context(), exe)
	tray.Env, tray.SysProcAttr = append([]string{roleEnv + "=tray"}, env...), user
	tray.Stderr = os.Stderr
	end, err := tray.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := tray.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tray.Start(); err != nil {
		t.Fatal(err)
	}
	defer tray.Wait()
	defer end.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}

	// The device as most systems have it, wherever these tests run.
	node := filepath.Join(dir, "tun")
	if err := syscall.Mknod(node, syscall.S_IFCHR|0o666, 10<<8|200); err != nil {
		t.Fatal(err)
	}
	start := func(mode os.FileMode, args ...string) *exec.Cmd {
		if err := os.Chmod(node, mode); err != nil {
			t.Fatal(err)
		}
		script := `mount --bind "$0" /dev/net/tun && exec setpriv --reuid 1 --regid 1 --clear-groups "$@"`
		c := exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "sh", "-c", script, node, exe}, args...)...)
		c.Env = append([]string{roleEnv + "=start"}, env...)
		return c
	}
	for _, tt := range []struct {
		name string
		c    *exec.Cmd
		want string
		code int
	}{
		{"curl", start(0o666, curl("http://wiki.corp/")...), "wiki for wiki.corp", 0},
		{"ssh", start(0o666, sshSays...), "hello from shell.corp", 0},
		{"who it is", start(0o666, "sh", "-c", "id -u; id -g; grep CapEff /proc/self/status"), "1\n1\nCapEff:\t0000000000000000", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if out, code := says(t, tt.c); code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("%d: %s", code, out)
			}
		})
	}
	if out, code := says(t, start(0o600, "true")); code != 1 || !strings.Contains(out, "/dev/net/tun is not open to you") {
		t.Errorf("%d: %s", code, out)
	}
	// Another user's tray process is asked nothing.
	i := profile.Profile{Runtime: runtime}
	if _, err := local.Attach(i, os.Stdin, os.Stdin); err == nil || errors.Is(err, local.ErrNotRunning) {
		t.Errorf("another user got %v", err)
	}
}

func copyOf(t *testing.T, from, dir string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "tidegate-test")
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}
