package posture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/internal/wire"
)

// reporter is a Watcher that runs, and what it reports.
type reporter struct {
	*Watcher
	reports chan wire.DeviceClaims
}

func newReporter(t *testing.T, o Options) reporter {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	return report(t, New(o))
}

// report runs w.
func report(t *testing.T, w *Watcher) reporter {
	t.Helper()
	w.Follow(true)
	r := reporter{w, make(chan wire.DeviceClaims, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx, func(c wire.DeviceClaims) { r.reports <- c }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// await waits for a report that is as wanted: far less than the five minutes,
// so the system has announced what changed it.
func (r reporter) await(t *testing.T, what string, is func(wire.DeviceClaims) bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	var last wire.DeviceClaims
	for {
		select {
		case last = <-r.reports:
			if is(last) {
				return
			}
		case <-late:
			t.Fatalf("not reported in 20 s: %s; the last report was %v", what, last)
		}
	}
}

func has(name string, want any) func(wire.DeviceClaims) bool {
	return func(c wire.DeviceClaims) bool { return c[name] == want }
}

func lacks(name string) func(wire.DeviceClaims) bool {
	return func(c wire.DeviceClaims) bool { _, ok := c[name]; return !ok }
}

func TestHere(t *testing.T) {
	c := New(Options{Version: "1.2.3"}).Collect(t.Context())
	host, _ := os.Hostname()
	if c["hostname"] != host || c["client_version"] != "1.2.3" || c["os_name"] == "" || c["kernel"] == nil {
		t.Errorf("this machine reports %v", c)
	}
	if _, ok := c["addresses"].([]string); !ok {
		t.Errorf("the addresses are %#v", c["addresses"])
	}
	if os.Getuid() == 0 && c["admin"] != true {
		t.Error("root is no administrator")
	}
}

func TestFileComesAndGoes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	path := filepath.Join(dir, "file")
	r := newReporter(t, Options{Root: fstest.MapFS{}})
	r.Declare([]wire.Gather{{Name: "there", Kind: wire.GatherFile, Path: path}, {Name: "sum", Kind: wire.GatherDigest, Path: path}})
	r.await(t, "no file", has("there", false))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) string {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	sum := write("one")
	r.await(t, "a file", func(c wire.DeviceClaims) bool { return c["there"] == true && c["sum"] == sum })
	r.await(t, "another text", has("sum", write("two")))
	if err := os.WriteFile(path+"~", []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
	three := sha256.Sum256([]byte("three"))
	r.await(t, "another file", has("sum", hex.EncodeToString(three[:])))
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "no file any more", func(c wire.DeviceClaims) bool { return c["there"] == false && c["sum"] == nil })
}

// A folder takes with it what lies in it, and also what was yet to come.
func TestFolderGoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		away func(dir string) error
	}{
		{"moved", func(dir string) error { return os.Rename(dir, dir+"~") }},
		{"removed and made anew", func(dir string) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			time.Sleep(3 * time.Second) // so that nothing else has it be looked at
			return os.Mkdir(dir, 0o700)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "dir")
			there, other := filepath.Join(dir, "there"), filepath.Join(dir, "other")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			w := New(Options{Root: fstest.MapFS{}})
			w.Declare([]wire.Gather{{Name: "other", Kind: wire.GatherFile, Path: other}})
			if c.name == "moved" {
				if err := os.WriteFile(there, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				w.Declare([]wire.Gather{{Name: "there", Kind: wire.GatherFile, Path: there}, {Name: "other", Kind: wire.GatherFile, Path: other}})
			}
			r := report(t, w)
			r.await(t, "the folder as it is", has("other", false))
			time.Sleep(2 * time.Second)
			if err := c.away(dir); err != nil {
				t.Fatal(err)
			}
			if c.name == "moved" {
				r.await(t, "the file has gone with its folder", has("there", false))
				return
			}
			if err := os.WriteFile(other, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			r.await(t, "a file in the new folder", has("other", true))
		})
	}
}

func TestDigestRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, large, whole := filepath.Join(dir, "fifo"), filepath.Join(dir, "large"), filepath.Join(dir, "whole")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, size := range map[string]int64{large: maxFile + 1, whole: maxFile} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{fifo, large, dir, "/dev/zero", "relative", filepath.Join(dir, "none")} {
		if sum, err := digest(t.Context(), path, io.Discard); err == nil {
			t.Errorf("%s has the digest %s", path, sum)
		}
	}
	if _, err := digest(t.Context(), whole, io.Discard); err != nil {
		t.Errorf("a file of 64 MiB: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := digest(ctx, whole, io.Discard); err == nil {
		t.Error("a digest though its time is over")
	}
}

func TestScriptChanges(t *testing.T) {
	t.Parallel()
	g := scriptOf(t, "bool", "echo true")
	r := newReporter(t, Options{Root: fstest.MapFS{}})
	r.Declare([]wire.Gather{g})
	r.await(t, "what the script says", has("x", true))
	good, err := os.ReadFile(g.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.Path, []byte("#!/bin/sh\necho true # forged\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.await(t, "nothing of another script", lacks("x"))
	if err := os.WriteFile(g.Path, good, 0o700); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the script again", has("x", true))
}

// program copies a program to a name of its own.
func program(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProgramStartsAndEnds(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"", "-long-name"} {
		name := fmt.Sprintf("tg%d%s", os.Getpid(), length)
		t.Run(name, func(t *testing.T) {
			path := program(t, t.TempDir(), name)
			w := New(Options{Root: fstest.MapFS{}})
			w.Declare([]wire.Gather{{Name: "runs", Kind: wire.GatherProcess, Process: name}})
			r := report(t, w) // which gathers again only when it hears something
			r.await(t, "it does not run", has("runs", false))
			cmd := exec.Command(path, "1000")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			r.await(t, "it runs", has("runs", true))
			cmd.Process.Kill()
			r.await(t, "it has ended", has("runs", false)) // a zombie until it is waited for
			cmd.Wait()
		})
	}
}

// TestExecutableOpened hears of a program's start and end without the proc
// connector, which only some may listen to.
func TestExecutableOpened(t *testing.T) {
	t.Parallel()
	path := program(t, t.TempDir(), "tg")
	heard := make(chan announcement, 100)
	n, err := newInotify(func(a announcement) { heard <- a }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	n.want(nil, []string{path})
	cmd := exec.Command(path, "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	hear := func(what string) {
		t.Helper()
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatalf("not heard: %s", what)
		}
	}
	hear("the start")
	until(t, "it runs", func() bool { return len(running(os.DirFS("/"), []string{"tg"}).pids["tg"]) > 0 })
	for len(heard) > 0 {
		<-heard
	}
	cmd.Process.Kill()
	cmd.Wait()
	hear("the end")
}

// TestProgramEvents hears of a program's start and end by the proc connector
// alone, and of no other's.
func TestProgramEvents(t *testing.T) {
	t.Parallel()
	p, err := newProgramEvents()
	if err != nil {
		t.Fatalf("this takes root, or Linux 6.6: %v", err)
	}
	name := fmt.Sprintf("tge%d", os.Getpid())
	path := program(t, t.TempDir(), name)
	heard := make(chan announcement, 100)
	e := &ears{log: slog.New(slog.DiscardHandler), announce: func(a announcement) { heard <- a }}
	defer e.close()
	p.want([]string{name}, processes{})
	e.read(p.socket, p.count)
	for range 10 {
		if err := exec.Command("/bin/true").Run(); err != nil {
			t.Fatal(err)
		}
	}
	if len(heard) > 0 {
		t.Error("another program was heard")
	}
	cmd := exec.Command(path, "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the start is heard", func() bool { return len(heard) > 0 })
	for len(heard) > 0 {
		<-heard
	}
	cmd.Process.Kill()
	cmd.Wait()
	until(t, "the end is heard", func() bool { return len(heard) > 0 })
}

func TestProcesses(t *testing.T) {
	root := fstest.MapFS{
		"proc/1/stat":    file("1 (systemd) S 0 1"),
		"proc/5/stat":    file("5 (a b) (c)) R 1"),
		"proc/6/stat":    file("6 (gone) Z 1"),
		"proc/7/stat":    file("7 (a-very-long-nam) S 1"),
		"proc/7/cmdline": file("/opt/x/a-very-long-name\x00-v\x00"),
		"proc/8/stat":    file("8 (thread-0) S 1"),
		"proc/8/exe":     link("/opt/renamed (deleted)"),
		"proc/9/stat":    file("malformed"),
		"proc/self/stat": file("5 (self) R 1"),
	}
	for program, want := range map[string]string{
		"systemd": "on", "a b) (c)": "on", "gone": "off", "a-very-long-name": "on", "a-very-long-nam": "on", "a-very-long-names": "off",
		"renamed": "on", "self": "off", "sys": "off",
	} {
		seen := running(root, []string{program})
		if got := verdict(seen.has(program)); got != want {
			t.Errorf("%s is %s, want %s", program, got, want)
		}
	}
	delete(root, "proc/1/stat") // hidepid
	seen := running(root, []string{"other", "renamed"})
	if got := verdict(seen.has("other")); got != "unknown" {
		t.Errorf("where processes are hidden, one that is not seen is %s", got)
	}
	if got := verdict(seen.has("renamed")); got != "on" {
		t.Errorf("where processes are hidden, one that is seen is %s", got)
	}
}
