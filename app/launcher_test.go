package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/session"
)

// windows runs a launcher and counts the window processes that it starts.
type windows struct {
	t    *testing.T
	core *fakeCore
	note string
	told chan error // why no window can be shown
}

func launch(t *testing.T, do string, display error) *windows {
	t.Helper()
	w := &windows{t, newCore(), filepath.Join(t.TempDir(), "started"), make(chan error, 10)}
	l := newLauncher(Options{Core: w.core, Display: func() error { return display }, Log: slog.New(slog.DiscardHandler),
		Window: func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), windowEnv+"="+w.note, windowDo+"="+do, "GORACE=atexit_sleep_ms=0")
			return cmd
		}}, func(err error) { w.told <- err })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, pid := range w.pids() {
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("window process %d is left behind", pid)
			}
		}
	})
	return w
}

func (w *windows) pids() (pids []int) {
	b, _ := os.ReadFile(w.note)
	for line := range strings.Lines(string(b)) {
		var pid int
		if _, err := fmt.Sscan(line, &pid); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (w *windows) show() { w.core.Change(func(s *session.State) { s.Window.Seq++ }) }

func (w *windows) started(n int) {
	w.t.Helper()
	desktoptest.Eventually(w.t, fmt.Sprint(n, " window processes"), func() bool { return len(w.pids()) == n })
}

func TestWindowProcess(t *testing.T) {
	w := launch(t, "", nil)
	w.show()
	w.started(1)
	for range 3 { // one is enough
		w.show()
	}
	if err := syscall.Kill(w.pids()[0], syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.started(2) // it ended just when it was needed
	if err := syscall.Kill(w.pids()[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	desktoptest.Eventually(t, "the crash to be noticed", func() bool { return errors.Is(syscall.Kill(w.pids()[1], 0), syscall.ESRCH) })
	w.show()
	w.started(3)
}

// What was needed when no process could be started is tried again.
func TestWindowThatDoesNotStart(t *testing.T) {
	w := &windows{t, newCore(), filepath.Join(t.TempDir(), "started"), nil}
	tries := 0
	l := newLauncher(Options{Core: w.core, Display: func() error { return nil }, Log: slog.New(slog.DiscardHandler),
		Window: func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), windowEnv+"="+w.note, "GORACE=atexit_sleep_ms=0")
			if tries++; tries == 1 {
				cmd.Path = filepath.Join(filepath.Dir(w.note), "nothing")
			}
			return cmd
		}}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	w.show()
	w.started(1)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What was asked in a window that was killed is asked in another one.
func TestWindowKilledInAPrompt(t *testing.T) {
	w := launch(t, "", nil)
	w.core.Change(func(s *session.State) { s.Prompt = &session.Prompt{ID: "p"} })
	w.started(1)
	if err := syscall.Kill(w.pids()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.started(2)
}

func TestWindowThatCrashes(t *testing.T) {
	w := launch(t, "crash", nil)
	began := time.Now()
	for n := 1; n <= 3; n++ {
		desktoptest.Eventually(t, fmt.Sprint(n, " starts"), func() bool { w.show(); return len(w.pids()) >= n })
	}
	if took := time.Since(began); took < firstPause+2*firstPause {
		t.Errorf("three starts within %v", took)
	}
}
