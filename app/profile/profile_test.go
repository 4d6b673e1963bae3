package profile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOpen(t *testing.T) {
	config, run, state := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("XDG_STATE_HOME", state)
	t.Setenv("XDG_RUNTIME_DIR", run)
	for _, tt := range []struct{ name, folder, keychain string }{
		{"", "tidegate", "org.tidegate.Tidegate"},
		{"demo", "tidegate-demo", "org.tidegate.Tidegate.demo"},
	} {
		t.Run("name "+tt.name, func(t *testing.T) {
			for range 2 { // the second finds the first one's folder
				p, err := Open(tt.name)
				if err != nil {
					t.Fatal(err)
				}
				want := Profile{tt.name, filepath.Join(config, tt.folder), filepath.Join(run, tt.folder), filepath.Join(state, tt.folder)}
				if diff := cmp.Diff(want, p); diff != "" {
					t.Error(diff)
				}
				if p.Keychain() != tt.keychain {
					t.Errorf("keychain %q", p.Keychain())
				}
				if info, err := os.Stat(p.Runtime); err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("%v, %v", info, err)
				}
			}
		})
	}
}

// Without XDG_STATE_HOME, or with a relative one, it is below the home folder.
func TestStateBelowTheHomeFolder(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("HOME", "/home/ann")
	for _, set := range []string{"", "state"} {
		t.Setenv("XDG_STATE_HOME", set)
		p, err := Open("x")
		if want := "/home/ann/.local/state/tidegate-x/activity.jsonl"; err != nil || p.Activity() != want {
			t.Errorf("with %q: %q, %v", set, p.Activity(), err)
		}
	}
}

func TestOpenRefusesNames(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	for _, name := range []string{"../x", "a/b", ".", "-a", "A", "a b", "ä", "a\x00", strings.Repeat("a", MaxName+1)} {
		if p, err := Open(name); err == nil {
			t.Errorf("Open(%q) = %v", name, p)
		}
	}
}

func TestNoRuntimeDir(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, value := range []string{"", "relative"} {
		t.Setenv("XDG_RUNTIME_DIR", value)
		p, err := Open("x")
		if want := filepath.Join(tmp, "tidegate-runtime-"+strconv.Itoa(os.Getuid()), "tidegate-x"); err != nil || p.Runtime != want {
			t.Errorf("runtime %q, %v; want %q", p.Runtime, err, want)
		}
	}
}

func TestRefusesAnothersFolder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, path string)
	}{
		{"a link", func(t *testing.T, path string) {
			if err := os.Symlink(t.TempDir(), path); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"open to others", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := t.TempDir()
			t.Setenv("XDG_RUNTIME_DIR", run)
			tt.prepare(t, filepath.Join(run, "tidegate"))
			if p, err := Open(""); err == nil {
				t.Errorf("opened %v", p)
			}
		})
	}
}
