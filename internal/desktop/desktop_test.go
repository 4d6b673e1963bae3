//go:build linux

package desktop_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/desktop"
)

// start is a desktop for one test, gone with it.
func start(t *testing.T, parts desktop.Parts) *desktop.Desktop {
	t.Helper()
	d, err := desktop.Start(t.Context(), desktop.Options{Parts: parts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		gone(t, d)
	})
	return d
}

// gone fails the test if a desktop left something behind.
func gone(t *testing.T, d *desktop.Desktop) {
	t.Helper()
	if _, err := os.Stat(d.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder %s is still there", d.Dir())
	}
	if left := processes(t, d.Dir()); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

// processes are those whose environment or command names a desktop's folder.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, p := range all {
		// Others' are not readable, and any may end between two looks.
		environ, _ := os.ReadFile(p + "/environ")
		command, _ := os.ReadFile(p + "/cmdline")
		if strings.Contains(string(environ)+string(command), dir) {
			found = append(found, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

func TestKeyring(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := start(t, desktop.Keyring)
	ask := func(arg ...string) string {
		t.Helper()
		out, err := child(ctx, d, "keyring", arg...).Output()
		if err != nil {
			t.Fatalf("%v: %v", arg, err)
		}
		return string(out)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name   string
		before func(context.Context) error
		arg    []string
		want   string // a beginning
	}{
		{"empty", nil, []string{"get", "cookie"}, "not found"},
		{"set", nil, []string{"set", "cookie", "secret"}, "ok"},
		{"get", nil, []string{"get", "cookie"}, "ok secret"},
		{"get when locked", d.LockKeyring, []string{"get", "cookie"}, "error: failed to unlock"},
		{"set when locked", nil, []string{"set", "other", "x"}, "error: failed to unlock"},
		{"get when unlocked again", d.UnlockKeyring, []string{"get", "cookie"}, "ok secret"},
		{"get when absent", d.StopKeyring, []string{"get", "cookie"}, "error: The name org.freedesktop.secrets was not provided"},
		{"get when back", d.StartKeyring, []string{"get", "cookie"}, "ok secret"},
		{"delete", nil, []string{"delete", "cookie"}, "ok"},
		{"get when deleted", nil, []string{"get", "cookie"}, "not found"},
	}
	for _, s := range steps {
		if s.before != nil {
			must(s.before(ctx))
		}
		if got := ask(s.arg...); !strings.HasPrefix(got, s.want) {
			t.Errorf("%s: got %q, want %q", s.name, got, s.want)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := start(t, desktop.Display)
	const title = "a window (of xev)"
	if _, found, err := d.Window(ctx, title); found || err != nil {
		t.Fatalf("before it was opened: found %v, %v", found, err)
	}
	var said strings.Builder
	cmd := d.Command(ctx, "xev", "-name", title, "-geometry", "300x200")
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w, err := d.WaitWindow(ctx, title)
	if err != nil {
		t.Fatal(err)
	}
	if w.Bounds.Size() != image.Pt(300, 200) {
		t.Errorf("its bounds are %v, want 300x200", w.Bounds)
	}
	for _, step := range []error{
		d.Focus(ctx, w),
		d.Click(ctx, w.At(30, 40)),
		d.RightClick(ctx, w.At(50, 60)),
		d.Scroll(ctx, w.At(50, 60), 1),
		d.MoveTo(ctx, w.At(10, 10)),
		d.Type(ctx, "k@"),
		d.Key(ctx, "Return", "ctrl+f"),
		d.Key(ctx, "alt+F4"),
		d.WaitNoWindow(ctx, title),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	cmd.Wait() // alt+F4 ended it, by the window manager
	for _, want := range []string{", (30,40), ", ", (50,60), ", "button 3", "button 5", ", (10,10), ", "keysym 0x6b, k)", "keysym 0x40, at)", "Return)", "state 0x4, keycode 41"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("xev did not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(said.String())
	}
}

func TestScreenshot(t *testing.T) {
	t.Parallel()
	d, err := desktop.Start(t.Context(), desktop.Options{Parts: desktop.Display, Size: image.Pt(640, 400)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	path := filepath.Join(t.TempDir(), "100% $h", "shot.png")
	if err := d.Screenshot(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	img, err := d.Capture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds(); got != image.Rect(0, 0, 640, 400) {
		t.Errorf("its bounds are %v", got)
	}
	if at := color.GrayModel.Convert(img.At(1, 1)); at == (color.Gray{}) {
		t.Error("the backdrop is not painted")
	}
}

func TestEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	d, err := desktop.Start(ctx, desktop.Options{Parts: desktop.Keyring | desktop.Display})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := d.Close(); err != nil { // waits for the end that is under way
		t.Fatal(err)
	}
	gone(t, d)
	if err := d.StartKeyring(t.Context()); err == nil {
		t.Error("a program was started on a closed desktop")
	}
	if _, err := d.WaitWindow(t.Context(), "none"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("waiting on a closed desktop: %v", err)
	}
}

func TestCloseAwaitsOthers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
		want         string // in the error
	}{
		{"one that writes a last file", "sleep 0.3; mkdir -p \"$XDG_CONFIG_HOME\"; echo x >\"$XDG_CONFIG_HOME\"/last", ""},
		{"one that stays", "exec sleep 60", "still run: sleep 60"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, err := desktop.Start(t.Context(), desktop.Options{Parts: desktop.Keyring})
			if err != nil {
				t.Fatal(err)
			}
			cmd := d.Command(t.Context(), "sh", "-c", test.script)
			cmd.Dir = "/"
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			err = d.Close()
			cmd.Process.Kill()
			<-ended
			if got := fmt.Sprint(err); (err != nil) != (test.want != "") || !strings.Contains(got, test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			gone(t, d)
		})
	}
}

func TestEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), part+"=orphan")
	out, err := cmd.Output()
	dir := string(out)
	if !strings.Contains(dir, "desktop-") {
		t.Fatalf("it wrote %q (%v)", dir, err)
	}
	defer os.RemoveAll(dir) // which nobody is left to do
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for left := processes(t, dir); len(left) > 0; left = processes(t, dir) {
		select {
		case <-ctx.Done():
			t.Fatalf("still running: %v", left)
		case <-tick.C:
		}
	}
}

func TestStartRefuses(t *testing.T) {
	t.Run("a path too long for sockets", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), strings.Repeat("x", 80))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := desktop.Start(t.Context(), desktop.Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "shorter Options.Dir") {
			t.Fatalf("got %v", err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if d, err := desktop.Start(ctx, desktop.Options{}); err == nil {
			d.Close()
			t.Fatal("it started")
		}
	})
	t.Run("programs that are not installed", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := desktop.Start(t.Context(), desktop.Options{})
		if err == nil || !strings.Contains(err.Error(), "packaging/deps.sh") {
			t.Fatalf("got %v", err)
		}
	})
}
