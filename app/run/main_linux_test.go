package run

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/nameserver"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel/front"
	"github.com/tidegate/tidegate/tunnel/stack"
)

// roleEnv has the test's binary be a part of the client: "start" runs its
// arguments as `tidegate run` does, "tray" is a tray process.
const roleEnv = "TIDEGATE_RUN_TEST"

// runtimeEnv is the folder of the profile that both use.
const runtimeEnv = "XDG_RUNTIME_DIR"

func TestMain(m *testing.M) {
	var err error
	role := os.Getenv(roleEnv)
	switch {
	case Asked(os.Args[1:]):
		err = Inside(os.Args[1:])
	case role == "start":
		os.Unsetenv(roleEnv)
		var p profile.Profile
		if p, err = profile.Open(""); err == nil {
			err = Start(p, os.Args[1:])
		}
	case role == "tray":
		err = serveTray()
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tidegate:", err)
		os.Exit(1)
	}
}

// serveTray is a tray process until standard input ends.
func serveTray() error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	p, err := profile.Open("")
	if err != nil {
		return err
	}
	d, err := newDevices()
	if err != nil {
		return err
	}
	i, err := local.Claim(p)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return local.NewServer(local.Options{Source: source(), Devices: d}).Run(ctx, i)
}

func source() *apptest.Source {
	s := &apptest.Source{}
	s.Publish(session.State{User: session.User{Name: "ada"}})
	return s
}

// devices are carried by real stacks, to applications of this process.
type devices struct {
	web, shell string // where they listen

	pool *names.Pool // those below a domain

	mu      sync.Mutex
	asked   []front.Target // what is not covered
	carried int
	changed chan struct{}
}

func newDevices() (*devices, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "wiki for "+r.Host+"\n") }))
	shell, err := sshServer()
	if err != nil {
		return nil, err
	}
	pool, err := names.Open(names.Options{})
	if err != nil {
		return nil, err
	}
	pool.Set(nil, []string{"lab.corp"})
	return &devices{web: l.Addr().String(), shell: shell, pool: pool, changed: make(chan struct{}, 1)}, nil
}

var testNames = map[string][2]netip.Addr{
	"wiki.corp":  {netip.MustParseAddr("100.96.1.1"), netip.MustParseAddr("fd54:6964:6567::1:1")},
	"shell.corp": {netip.MustParseAddr("100.96.1.2"), netip.MustParseAddr("fd54:6964:6567::1:2")},
	"shut.corp":  {netip.MustParseAddr("100.96.1.3"), netip.MustParseAddr("fd54:6964:6567::1:3")},
}

func (d *devices) Names() map[string][2]netip.Addr { return testNames }

func (d *devices) Host(a netip.Addr) (string, bool) {
	for name, addrs := range testNames {
		if a == addrs[0] || a == addrs[1] {
			return name, true
		}
	}
	return d.pool.Host(a)
}

func (d *devices) Server() netip.Addr { return nameserver.Addr }

func (d *devices) Carry(ctx context.Context, device *os.File) error {
	d.count(1)
	defer d.count(-1)
	ctx, cancel := context.WithCancel(ctx)
	lookups := nameserver.New(nameserver.Options{Zone: d.pool, Router: router{d}})
	var answering sync.WaitGroup
	defer answering.Wait()
	defer cancel()
	answering.Go(func() { lookups.Run(ctx) })
	return stack.New(stack.Options{Device: device, Router: lookups, Names: d}).Run(ctx)
}

func (d *devices) count(n int) {
	d.mu.Lock()
	d.carried += n
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// until waits until so many devices are carried.
func (d *devices) until(t *testing.T, n int) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		d.mu.Lock()
		have := d.carried
		d.mu.Unlock()
		if have == n {
			return
		}
		select {
		case <-d.changed:
		case <-late:
			t.Fatalf("%d devices are carried, not %d", have, n)
		}
	}
}

func (d *devices) lead(t front.Target) string {
	switch {
	case t.Protocol == wire.ICMP && t.Host == "wiki.corp":
		return d.web
	case t.Protocol != wire.TCP:
	case strings.HasSuffix(t.Host, ".lab.corp") && t.Port == 80, t.Host == "wiki.corp" && t.Port == 80, t.Host == "10.9.8.7" && t.Port == 80:
		return d.web
	case t.Host == "shell.corp" && t.Port == 22:
		return d.shell
	case t.Host == "shut.corp" && t.Port == 80:
		return "127.0.0.1:1"
	}
	return ""
}

// router is the data plane.
type router struct{ d *devices }

func (r router) Covers(t front.Target) bool {
	ok := r.d.lead(t) != ""
	if !ok {
		r.d.mu.Lock()
		r.d.asked = append(r.d.asked, t)
		r.d.mu.Unlock()
	}
	return ok
}

func (r router) Packets(context.Context, front.Target) (front.Packets, error) {
	return nil, &wire.Problem{Code: wire.CodeNotEntitled, Title: "no"}
}

func (r router) Echo(_ context.Context, t front.Target, _ int) error {
	if t.Host != "wiki.corp" {
		return &wire.Problem{Code: wire.CodeNotEntitled, Title: "no"}
	}
	return nil
}

func (r router) Carry(ctx context.Context, o front.Offer) {
	app, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.d.lead(o.Target))
	if err != nil {
		o.Refuse(&wire.Problem{Code: wire.CodeAppRefused, Title: "The application refused the connection"})
		return
	}
	defer app.Close()
	c, err := o.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close(); app.Close() })()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(app, c)
		app.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(c, app)
	c.CloseWrite()
	<-done
}

// bed is a tray process in this one, and the environment of its user.
type bed struct {
	devices *devices
	env     []string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	dir, env := home(t)
	d, err := newDevices()
	if err != nil {
		t.Fatal(err)
	}
	i, err := local.Claim(profile.Profile{Runtime: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- local.NewServer(local.Options{Source: source(), Devices: d}).Run(ctx, i) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
		i.Close()
	})
	return &bed{d, env}
}

// home makes a user's folders, with short paths for the socket, and returns that
// of the profile and the environment that leads there.
func home(t *testing.T) (runtime string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	runtime = filepath.Join(dir, "tidegate")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	return runtime, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, runtimeEnv + "=" + dir, "LANG=C.UTF-8"}
}

// command is `tidegate run -- args`.
func (b *bed) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	c.Env = append([]string{roleEnv + "=start"}, b.env...)
	return c
}

// says runs a program to its end, and returns what it says and its exit code.
func says(t *testing.T, c *exec.Cmd) (out string, code int) {
	t.Helper()
	b, err := c.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); ok {
		if s := exit.Sys().(syscall.WaitStatus); s.Signaled() {
			return string(b) + "signal " + strconv.Itoa(int(s.Signal())), -1
		}
		return string(b), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "\n"), 0
}
