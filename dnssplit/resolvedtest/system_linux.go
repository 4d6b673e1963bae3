package resolvedtest

import (
	"context"
	"fmt"
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

	"github.com/godbus/dbus/v5"

	"github.com/tidegate/tidegate/internal/netlab"
)

// Patience is how long anything may take on a machine that is busy.
const Patience = 60 * time.Second

// System is a machine whose names are looked up by systemd-resolved, through
// /etc/resolv.conf as Debian sets it up.
type System struct {
	Release Release
	// Space is its network.
	Space *netlab.Space
	// Root is the folder that its /etc, /run and /var lie in. In Do and Command
	// they are at their places.
	Root string
	// Bus is the address of its D-Bus, from anywhere.
	Bus string
	// Physical is what its network is reached by: the default route leads there.
	Physical *Side

	t        testing.TB
	mu       sync.Mutex
	sides    []*Side
	vpns     int // so many there have been
	bus      *dbus.Conn
	mounts   *os.File // the mount namespace
	keeper   chan func()
	resolved *exec.Cmd
}

// Start makes a machine that runs release, and its physical side. It all ends
// with the test.
func Start(t testing.TB, release Release) *System {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("networks of their own need root")
	}
	s := &System{Release: release, t: t, keeper: make(chan func())}
	var err error
	if s.Root, err = os.MkdirTemp("", "resolved"); err != nil { // short: a socket's path is at most 107 bytes
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.Root) })
	if s.Space, err = netlab.NewSpace(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Space.Close() })
	if err := s.furnish(); err != nil {
		t.Fatal(err)
	}
	s.keep()
	s.Physical = s.attach("phys0", 50)
	if err := s.Space.Route(netip.Prefix{}, s.Physical.Server, "phys0"); err != nil {
		t.Fatal(err)
	}
	s.startBus()
	s.startResolved()
	s.configure(s.Physical)
	return s
}

// many are folders of /etc with hundreds of links, which is slow to copy: this machine's
// own are mounted, which can only be read there.
var many = []string{"alternatives", "ssl"}

// furnish makes what the machine has of files, and a mount namespace in which
// they are at their places.
func (s *System) furnish() error {
	dir := func(name string) string { return filepath.Join(s.Root, name) }
	if err := os.Chmod(s.Root, 0o755); err != nil {
		return err
	}
	for _, d := range []string{"etc", "run/dbus", "run/systemd/resolve", "run/netns", "var/lib", "var/log", "var/tmp"} {
		if err := os.MkdirAll(dir(d), 0o755); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir("/etc")
	if err != nil {
		return err
	}
	cp := exec.Command("cp", "-a", "-t", dir("etc"))
	var mounts []string
	for _, e := range entries {
		if e.IsDir() && slices.Contains(many, e.Name()) {
			mounts = append(mounts, "etc/"+e.Name())
		} else {
			cp.Args = append(cp.Args, "/etc/"+e.Name())
		}
	}
	if out, err := cp.CombinedOutput(); err != nil {
		return fmt.Errorf("copy /etc: %w: %s", err, out)
	}
	for _, d := range mounts {
		if err := os.Mkdir(dir(d), 0o755); err != nil {
			return err
		}
	}
	if err := s.user("systemd-resolve"); err != nil {
		return err
	}
	os.Remove(dir("etc/resolv.conf"))
	if err := os.Symlink("../run/systemd/resolve/stub-resolv.conf", dir("etc/resolv.conf")); err != nil {
		return err
	}
	return apart(func() error {
		if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		for _, d := range mounts {
			err := syscall.Mount("/"+d, dir(d), "", syscall.MS_BIND, "")
			if err == nil {
				err = syscall.Mount("", dir(d), "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, "")
			}
			if err != nil {
				return fmt.Errorf("mount /%s: %w", d, err)
			}
		}
		for _, d := range []string{"etc", "run", "var"} {
			if err := syscall.Mount(dir(d), "/"+d, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
				return fmt.Errorf("mount /%s: %w", d, err)
			}
		}
		var err error
		s.mounts, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/mnt", syscall.Gettid()))
		return err
	})
}

// user has the machine know a user, who owns /run/systemd/resolve.
func (s *System) user(name string) error {
	const id = 990
	for file, line := range map[string]string{
		"passwd": fmt.Sprintf("%s:x:%d:%d::/:/usr/sbin/nologin\n", name, id, id),
		"group":  fmt.Sprintf("%s:x:%d:\n", name, id),
	} {
		path := filepath.Join(s.Root, "etc", file)
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var kept strings.Builder
		for l := range strings.Lines(string(b)) {
			if !strings.HasPrefix(l, name+":") {
				kept.WriteString(l)
			}
		}
		if err := os.WriteFile(path, []byte(kept.String()+line), 0o644); err != nil {
			return err
		}
	}
	return os.Chown(filepath.Join(s.Root, "run/systemd/resolve"), id, id)
}

// Command is a program of the machine, which ends with the test at the latest.
// Start it with Go, or run it in Do.
func (s *System) Command(ctx context.Context, name string, arg ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, arg...)
	c.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+s.Bus)
	return c
}

// Go starts a program of the machine, which does not outlive this process.
func (s *System) Go(c *exec.Cmd) error {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Pdeathsig = syscall.SIGKILL // with the keeper's thread
	done := make(chan error, 1)
	s.keeper <- func() { done <- c.Start() }
	return <-done
}

// startBus starts the system's bus, on which everybody may say anything.
func (s *System) startBus() {
	s.t.Helper()
	socket := filepath.Join(s.Root, "run/dbus/system_bus_socket")
	s.Bus = "unix:path=" + socket
	conf := filepath.Join(s.Root, "etc/bus.conf")
	text := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>` + s.Bus + `</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.program("dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile")
	s.eventually("the bus to listen", func() bool {
		bus, err := dbus.Connect(s.Bus)
		if err != nil {
			return false
		}
		s.bus = bus
		return true
	})
	s.t.Cleanup(func() { s.bus.Close() })
}

// program starts a program of the machine that runs until the test ends.
func (s *System) program(name string, arg ...string) *exec.Cmd {
	s.t.Helper()
	c := exec.Command(name, arg...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "DBUS_SYSTEM_BUS_ADDRESS=" + s.Bus}
	log, err := os.OpenFile(filepath.Join(s.Root, "var/log/programs"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := s.Go(c); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.end(c) })
	return c
}

// end kills a program and waits for it; ended ones stay so.
func (s *System) end(c *exec.Cmd) {
	if c.ProcessState == nil {
		c.Process.Kill()
		c.Wait()
	}
}

// eventually waits for something to be so.
func (s *System) eventually(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(Patience); !so(); {
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.Root, "var/log/programs"))
			s.t.Fatalf("waited in vain for %s; the programs say:\n%s", what, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// index is the number of one of a machine's links.
func index(space *netlab.Space, name string) (n int, err error) {
	err = space.Do(func() error {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return fmt.Errorf("the index of %s: %w", name, err)
		}
		n = i.Index
		return nil
	})
	return n, err
}
