package sense

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"log/slog"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/internal/helper/sensor"
	"github.com/tidegate/tidegate/internal/netlab"
	"github.com/tidegate/tidegate/session"
)

// roleEnv is what this binary is when it is no test.
const roleEnv = "TIDEGATE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role, arg, _ := strings.Cut(os.Getenv(roleEnv), " "); role {
	case "":
		os.Exit(m.Run())
	case "sensor": // the helper's part that looks
		if err := sensor.Watch(context.Background(), 3, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	case "hold": // a VPN's program
		if err := hold(arg); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "idle":
		io.Copy(io.Discard, os.Stdin)
	}
}

// hold makes a TUN and holds it until its input ends.
func hold(name string) error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	r, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		return err
	}
	fmt.Println("ok")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// world is a machine behind a router, and what is sensed there.
type world struct {
	t     *testing.T
	here  *netlab.Space
	sense *Sense
	mu    sync.Mutex
	// others and conflicts are those that were reported last.
	others    []session.VPNOther
	conflicts []session.VPNConflict
	reports   int
}

func newWorld(t *testing.T, o Options, helper bool) *world {
	t.Helper()
	w := &world{t: t}
	spaces := [2]*netlab.Space{}
	for i := range spaces {
		s, err := netlab.NewSpace()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		spaces[i] = s
	}
	w.here = spaces[0]
	if err := netlab.Connect(netlab.Wire{Space: w.here, Name: "eth0", Address: netip.MustParsePrefix("192.168.7.2/24")}, netlab.Wire{Space: spaces[1], Name: "r0", Address: netip.MustParsePrefix("192.168.7.1/24")}); err != nil {
		t.Fatal(err)
	}
	w.ip("route add default via 192.168.7.1 dev eth0 metric 100")
	w.ip("addr add fd00:7::2/64 dev eth0 nodad")
	w.ip("route add default via fd00:7::1 dev eth0 metric 100")
	if helper {
		o.Helper = w.helper()
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Bus, o.Root = cmp0(o.Bus, "unix:path="+filepath.Join(t.TempDir(), "none")), cmp0(o.Root, t.TempDir())
	w.sense = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- w.here.Do(func() error { return w.sense.Run(ctx, w.report) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("last: %+v\n%+v", w.others, w.conflicts)
		}
	})
	return w
}

func cmp0(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

func (w *world) report(others []session.VPNOther, conflicts []session.VPNConflict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.others, w.conflicts, w.reports = others, conflicts, w.reports+1
}

// piped hears from a sensor's process.
type piped struct{ c *net.UnixConn }

func (p piped) Next(ctx context.Context) (s protocol.Sensed, err error) {
	defer context.AfterFunc(ctx, p.Close)()
	b := make([]byte, protocol.MaxMessage)
	n, err := p.c.Read(b)
	if err == nil {
		err = json.Unmarshal(b[:n], &s)
	}
	return s, err
}

func (p piped) Close() { p.c.Close() }

// helper starts a sensor there for each who asks.
func (w *world) helper() func(context.Context) (Sensor, error) {
	return func(context.Context) (Sensor, error) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		theirs := os.NewFile(uintptr(fds[1]), "pair")
		defer theirs.Close()
		ours := os.NewFile(uintptr(fds[0]), "pair")
		defer ours.Close()
		c, err := net.FileConn(ours)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{roleEnv + "=sensor"}
		cmd.ExtraFiles = []*os.File{theirs}
		cmd.Stderr = os.Stderr
		if err := w.here.Start(cmd); err != nil {
			c.Close()
			return nil, err
		}
		go cmd.Wait() // it ends with the connection
		return piped{c.(*net.UnixConn)}, nil
	}
}

// run runs a program there.
func (w *world) run(stdin, name string, arg ...string) {
	w.t.Helper()
	cmd := exec.Command(name, arg...)
	cmd.Stdin = strings.NewReader(stdin)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := w.here.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		w.t.Fatalf("%s %v: %v: %s", name, arg, err, &out)
	}
}

func (w *world) ip(line string) {
	w.t.Helper()
	f := strings.Fields(line)
	if strings.Contains(line, ":") && !strings.Contains(line, "blackhole") {
		f = append([]string{"-6"}, f...)
	}
	w.run("", "ip", f...)
}

func (w *world) nft(rules string) {
	w.t.Helper()
	w.run(rules, "nft", "-f", "-")
}

// program starts this binary by another name, in a role.
func (w *world) program(name, role string) *exec.Cmd {
	w.t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.t.TempDir(), name)
	// A child that another test starts just now would keep it open for writing for a
	// moment, and it could not be run (ETXTBSY).
	syscall.ForkLock.RLock()
	err = os.WriteFile(path, self, 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = []string{roleEnv + "=" + role}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = w.here.Start(cmd)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	if strings.HasPrefix(role, "hold") {
		if n, err := io.ReadFull(out, make([]byte, 2)); err != nil {
			w.t.Fatal(n, err)
		}
	}
	return cmd
}

// vpn starts a program that has a TUN, up and with an address.
func (w *world) vpn(program, device string) *exec.Cmd {
	w.t.Helper()
	cmd := w.program(program, "hold "+device)
	w.ip("addr add 10.8.0.6/24 dev " + device)
	w.ip("link set " + device + " up")
	return cmd
}

// sees waits for a report, and says how long it took.
func (w *world) sees(what string, ok func(others []session.VPNOther, conflicts []session.VPNConflict) bool) {
	w.t.Helper()
	began := time.Now()
	for {
		w.mu.Lock()
		is := w.reports > 0 && ok(w.others, w.conflicts)
		w.mu.Unlock()
		if is {
			w.t.Logf("%s: after %v", what, time.Since(began).Round(time.Millisecond))
			return
		}
		if time.Since(began) > time.Minute {
			w.t.Fatalf("%s: not within a minute", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// is waits for exactly these conflicts.
func (w *world) is(what string, want ...session.VPNConflict) {
	w.t.Helper()
	w.sees(what, func(_ []session.VPNOther, got []session.VPNConflict) bool {
		return slices.Equal(got, want)
	})
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); d != "" {
		t.Error(d)
	}
}
