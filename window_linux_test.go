package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/app"
	"github.com/tidegate/tidegate/app/window"
	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/desktoptest"
)

// client is the program on a desktop of its own.
type client struct {
	t       *testing.T
	desk    *desktop.Desktop
	program string
	inspect string
	tray    *exec.Cmd
	ended   chan struct{} // closed when the tray process has ended, by err
	err     error
	// errors is what both processes wrote beside; read it when they have ended.
	errors bytes.Buffer
}

// ourRace finds a race report one side of which is in Tidegate's code.
var ourRace = regexp.MustCompile(`(?m)^(Read|Write|Previous read|Previous write) at .*\n  github\.com/tidegate/`)

func startClient(t *testing.T) *client {
	t.Helper()
	d, err := desktop.Start(t.Context(), desktop.Options{Parts: desktop.Panel | desktop.Notifications})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c := &client{t: t, desk: d, program: filepath.Join(d.Dir(), "tidegate"), inspect: filepath.Join(d.Dir(), "inspect"), ended: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// By this name the test binary is the program, and so is its window process.
	if out, err := exec.Command("cp", self, c.program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.tray = d.Command(context.Background(), c.program)
	// The tray's library has a data race of its own (its menu's version); only
	// our races fail the test.
	c.tray.Env = append(c.tray.Env, "TIDEGATE_INSPECT="+c.inspect, "GORACE=exitcode=0 atexit_sleep_ms=0")
	c.tray.Stderr = &c.errors
	c.tray.WaitDelay = desktoptest.Wait // its window holds the same stderr
	if err := c.tray.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		c.err = c.tray.Wait()
	}()
	t.Cleanup(c.end)
	return c
}

// end ends the tray process. If the test has failed it says how the desktop was then,
// and what both processes wrote.
func (c *client) end() {
	if c.t.Failed() {
		c.t.Logf("the window process: %v; the window shows %+v", c.viewers(), c.elements())
		out, err := c.desk.Command(context.Background(), "xwininfo", "-root", "-tree").CombinedOutput()
		c.t.Logf("windows: %v\n%s", err, out)
	}
	select {
	case <-c.ended:
	default:
		c.tray.Process.Kill()
		<-c.ended
	}
	if c.t.Failed() {
		c.t.Logf("the tray process ended (%v) and wrote:\n%s", c.err, c.errors.Bytes())
	}
}

// run runs a command of the command line.
func (c *client) run(args ...string) string {
	c.t.Helper()
	out, err := c.desk.Command(c.t.Context(), c.program, args...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("tidegate %v: %v: %s", args, err, out)
	}
	return string(out)
}

// viewers are the process ids of its window processes: not those of the tools that the
// tray process starts, nor of one that has ended.
func (c *client) viewers() (pids []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", c.tray.Process.Pid)) // a child belongs to a thread
	for _, f := range tasks {
		b, _ := os.ReadFile(f)
		for _, child := range strings.Fields(string(b)) {
			line, _ := os.ReadFile("/proc/" + child + "/cmdline")
			if pid, err := strconv.Atoi(child); err == nil && bytes.HasSuffix(line, []byte("\x00window\x00"+app.ViewerFlag+"\x00")) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// elements is what the window shows.
func (c *client) elements() (es []window.Element) {
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.inspect)
	}}}
	resp, err := hc.Get("http://window/elements")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(b, &es) != nil {
		return nil
	}
	return es
}

func (c *client) shown() desktop.Window {
	c.t.Helper()
	w, err := c.desk.WaitWindow(c.t.Context(), "Tidegate")
	if err != nil {
		c.t.Fatal(err)
	}
	return w
}

// The window process is a viewer: access does not depend on it in any way.
func TestWindowProcess(t *testing.T) {
	c := startClient(t)
	ctx := t.Context()
	c.shown() // for this device is to be enrolled
	desktoptest.Eventually(t, "the window's elements", func() bool { return len(c.elements()) > 0 })
	if !slices.ContainsFunc(c.elements(), func(e window.Element) bool { return strings.Contains(e.Label, "Not enrolled") }) {
		t.Errorf("the window shows %+v", c.elements())
	}
	item, err := c.desk.WaitTrayItem(ctx, "Tidegate", func(desktop.TrayItem) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	viewers := c.viewers()
	if len(viewers) != 1 {
		t.Fatalf("%d window processes", len(viewers))
	}

	// It holds no socket of a network.
	for _, of := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"} {
		if s := sockets(t, viewers[0], of); len(s) > 0 {
			t.Errorf("the window process holds %s sockets: %v", of, s)
		}
	}

	// Killed, it takes nothing with it, and what it asked is asked by another.
	if err := syscall.Kill(viewers[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var second int
	desktoptest.Eventually(t, "another window process", func() bool {
		all := c.viewers()
		if len(all) != 1 || all[0] == viewers[0] {
			return false
		}
		second = all[0]
		return true
	})
	if s := c.run("status"); !strings.Contains(s, "Not enrolled") {
		t.Errorf("status: %s", s)
	}
	w := c.shown()

	// Closed, it is hidden and stays at hand; asked for, by a click or a second start,
	// it is there again.
	for _, ask := range []func() error{
		func() error { return c.desk.Activate(ctx, item) },
		func() error { c.run(); return nil },
	} {
		if err := c.desk.Focus(ctx, w); err != nil {
			t.Fatal(err)
		}
		if err := c.desk.Key(ctx, "alt+F4"); err != nil {
			t.Fatal(err)
		}
		if err := c.desk.WaitNoWindow(ctx, "Tidegate"); err != nil {
			t.Fatal(err)
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		w = c.shown()
		if v := c.viewers(); len(v) != 1 || v[0] != second {
			t.Errorf("window processes %v, want %d", v, second)
		}
	}

	c.run("quit")
	select {
	case <-c.ended:
		if c.err != nil {
			t.Errorf("the tray process: %v", c.err)
		}
		if ourRace.Match(c.errors.Bytes()) {
			t.Errorf("it raced:\n%s", c.errors.Bytes())
		}
	case <-time.After(desktoptest.Wait):
		t.Fatal("the tray process does not end")
	}
	if err := syscall.Kill(second, 0); err != syscall.ESRCH {
		t.Errorf("the window process is left behind: %v", err)
	}
}

// If the tray process dies, its window says so, and starts it again.
func TestTrayProcessDies(t *testing.T) {
	c := startClient(t)
	ctx := t.Context()
	c.shown()
	desktoptest.Eventually(t, "one window process", func() bool { return len(c.viewers()) == 1 })
	desktoptest.Eventually(t, "the window's elements", func() bool { return len(c.elements()) > 0 })
	left := c.viewers()[0]
	if err := c.tray.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var again window.Element
	desktoptest.Eventually(t, "the button that starts it again", func() bool {
		es := c.elements()
		i := slices.IndexFunc(es, func(e window.Element) bool { return e.Label == "Start again" && e.Enabled })
		if i < 0 || again == es[i] {
			return i >= 0
		}
		again = es[i] // it may move still
		return false
	})
	if err := c.desk.Click(ctx, c.shown().At(int(again.X+again.W/2), int(again.Y+again.H/2))); err != nil {
		t.Fatal(err)
	}
	desktoptest.Eventually(t, "the window process to end", func() bool { return over(left) })
	c.shown()
	if s := c.run("status"); !strings.Contains(s, "Not enrolled") {
		t.Errorf("status: %s", s)
	}
	c.run("quit")
	if err := c.desk.WaitNoWindow(ctx, "Tidegate"); err != nil {
		t.Error(err)
	}
}

// Where nobody looks at it, the window goes with the tray process.
func TestHiddenWindowEndsWithTheTrayProcess(t *testing.T) {
	c := startClient(t)
	ctx := t.Context()
	w := c.shown()
	desktoptest.Eventually(t, "one window process", func() bool { return len(c.viewers()) == 1 })
	desktoptest.Eventually(t, "the window's elements", func() bool { return len(c.elements()) > 0 })
	left := c.viewers()[0]
	if err := c.desk.Focus(ctx, w); err != nil {
		t.Fatal(err)
	}
	if err := c.desk.Key(ctx, "alt+F4"); err != nil {
		t.Fatal(err)
	}
	if err := c.desk.WaitNoWindow(ctx, "Tidegate"); err != nil {
		t.Fatal(err)
	}
	if err := c.tray.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.ended
	desktoptest.Eventually(t, "the window process to end", func() bool { return over(left) })
}

// over says whether a process has ended, though nobody may be there to reap it.
func over(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

var socketLink = regexp.MustCompile(`^socket:\[(\d+)\]$`)

// inodes are those of a process's sockets.
func inodes(t *testing.T, pid int) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("the files of process %d: %v, %v", pid, fds, err)
	}
	for _, fd := range fds {
		target, _ := os.Readlink(fd) // one may have been closed
		if m := socketLink.FindStringSubmatch(target); m != nil {
			found[m[1]] = true
		}
	}
	return found
}

// sockets are the lines of a table in /proc/net that are the process's.
func sockets(t *testing.T, pid int, table string) (lines []string) {
	t.Helper()
	own := inodes(t, pid)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if slices.ContainsFunc(strings.Fields(line), func(f string) bool { return own[f] }) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
