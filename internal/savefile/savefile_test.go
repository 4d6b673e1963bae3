package savefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "  ": "", "~": "/home/ada", "~/x.csv": "/home/ada/x.csv", " ~/a/../x.csv ": "/home/ada/x.csv", "x.csv": "/base/x.csv", "./a/x.csv": "/base/a/x.csv",
		"../x.csv": "/x.csv", "/tmp/x.csv": "/tmp/x.csv", "~eve/x.csv": "/base/~eve/x.csv", "a~/x": "/base/a~/x",
	} {
		if got := Expand(in, "/base", "/home/ada"); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
	if got := Expand("~/x", "/base", ""); got != "/base/~/x" {
		t.Errorf("without a folder of the user's it is %q", got)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.csv")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	holds := func(want string) {
		t.Helper()
		b, err := os.ReadFile(path)
		all, _ := os.ReadDir(dir)
		if err != nil || string(b) != want || len(all) != 1 {
			t.Errorf("it holds %q (%v), with %d files in the folder", b, err, len(all))
		}
	}
	if err := Write(path, false, text("one")); err != nil {
		t.Fatal(err)
	}
	holds("one")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := Write(path, false, text("two")); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	broken := errors.New("half of it")
	if err := Write(path, true, func(w io.Writer) error { io.WriteString(w, "thr"); return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := Write(path, false, func(io.Writer) error { t.Error("it is filled in vain"); return nil }); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	holds("one")
	if err := Write(path, true, text("four")); err != nil {
		t.Error(err)
	}
	holds("four")

	// One that comes there in the midst is not replaced.
	other := filepath.Join(dir, "y.csv")
	err := Write(other, false, func(io.Writer) error { return os.WriteFile(other, []byte("another's"), 0o600) })
	if b, _ := os.ReadFile(other); !errors.Is(err, fs.ErrExist) || string(b) != "another's" {
		t.Errorf("%v, and it holds %q", err, b)
	}
	os.Remove(other)

	for at, want := range map[string]string{
		"": "there is no name", dir: "that is a folder", filepath.Join(dir, "none", "x"): "no such folder", filepath.Join(path, "x"): "no such folder",
	} {
		for _, over := range []bool{false, true} {
			if err := Write(at, over, text("x")); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "; ") {
				t.Errorf("%q: %v", at, err)
			}
		}
	}
	loop := filepath.Join(dir, "loop")
	if os.Symlink(loop, loop) == nil {
		if err := Write(filepath.Join(loop, "x"), false, text("x")); err == nil || strings.Contains(err.Error(), "no such folder") {
			t.Errorf("a folder that is there and cannot be entered: %v", err)
		}
	}
	if os.Symlink(filepath.Join(dir, "nowhere"), other) == nil {
		if err := Write(other, false, text("x")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a link that leads nowhere: %v", err)
		}
	}
}
