package posture

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestFileStorm changes a file without a pause: it is found out once a second,
// and the last change is not missed.
func TestFileStorm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "busy")
	w := New(Options{})
	var runs atomic.Int64
	w.builtin = func() []probe {
		return []probe{{key: probeKey{builtin: "count"}, run: func(context.Context, wire.DeviceClaims) { runs.Add(1) }}}
	}
	script := scriptOf(t, "int", "echo 1")
	script.Name = "script"
	w.Declare([]wire.Gather{{Name: "sum", Kind: wire.GatherDigest, Path: path}, {Name: "there", Kind: wire.GatherFile, Path: path}, script})
	r := report(t, w)
	r.await(t, "no file", has("there", false))
	began := time.Now()
	changes := 0
	for ; time.Since(began) < 4*time.Second; changes++ {
		if err := os.WriteFile(path, []byte(time.Now().String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path, path+"~"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond / 2)
	}
	if most := int64(time.Since(began)/time.Second) + 2; runs.Load() > most {
		t.Errorf("%d gatherings for %d changes, want %d at most", runs.Load(), changes, most)
	}
	t.Logf("%d gatherings for %d changes", runs.Load(), changes)
	if err := os.WriteFile(path, []byte("done"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.await(t, "the last change", has("sum", "a4c3ed04a95a3da14a9d235c83d868bed7c0f45cf7f3faa751ee8f50598d2211"))
}

// TestNothingIsLeftOpen gathers and watches again and again.
func TestNothingIsLeftOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := New(Options{})
	script := scriptOf(t, "int", "echo 1")
	script.Name = "script"
	bad := script
	bad.Name, bad.SHA256 = "bad", "00"
	w.Declare([]wire.Gather{{Name: "sum", Kind: wire.GatherDigest, Path: path}, {Name: "dir", Kind: wire.GatherDigest, Path: "/tmp"}, script, bad,
		{Name: "shell", Kind: wire.GatherProcess, Process: "bash"}})
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	threads := func() int {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(tasks)
	}
	round := func() {
		l := w.listen(w.announce, w.log)
		defer l.close()
		for range 3 {
			paths, programs := w.depends()
			l.watch(paths, programs)
			w.Collect(t.Context())
		}
	}
	round()
	before, tasks := open(), threads()
	for range 20 {
		round()
	}
	until(t, "all descriptors are closed", func() bool { return open() <= before })
	until(t, "all threads have ended", func() bool { return threads() <= tasks+8 })
}
