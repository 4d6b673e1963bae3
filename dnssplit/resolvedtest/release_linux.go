package resolvedtest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Release is a systemd-resolved that was fetched.
type Release struct {
	// Name is that of its folder: debian or newer.
	Name string
	// Version is its package's.
	Version string
	// Delegates says whether it knows dns-delegate.
	Delegates bool
	dir       string
}

// Releases are those there are: Debian's, which must be there, and the newer one
// unless packaging/resolved.sh has found that it cannot be had.
func Releases(t testing.TB) []Release {
	t.Helper()
	dir := filepath.Join(module(t), "build", "resolved")
	all := []Release{release(t, dir, "debian")}
	if why, err := os.ReadFile(filepath.Join(dir, "newer.missing")); err == nil {
		t.Logf("no newer systemd-resolved is tested: %s", why)
		return all
	}
	return append(all, release(t, dir, "newer"))
}

func release(t testing.TB, dir, name string) Release {
	t.Helper()
	r := Release{Name: name, Delegates: name == "newer", dir: filepath.Join(dir, name)}
	b, err := os.ReadFile(filepath.Join(r.dir, "version"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("there is no systemd-resolved in %s: run packaging/resolved.sh", r.dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.Version = strings.TrimSpace(string(b))
	return r
}

// module is the folder of go.mod.
func module(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod above the working directory")
	return ""
}

// command is how a program of the release is run: by its own ld-linux, with its
// own libraries.
func (r Release) command(t testing.TB, program string) []string {
	t.Helper()
	root := filepath.Join(r.dir, "root")
	loaders, folders := glob(root, "*/ld-linux*.so.*"), glob(root, "*-linux-gnu*")
	folders = append(folders, glob(root, "*-linux-gnu*/systemd")...)
	programs, _ := filepath.Glob(filepath.Join(root, "*", program))
	more, _ := filepath.Glob(filepath.Join(root, "usr", "*", program))
	if programs = append(programs, more...); len(loaders) == 0 || len(programs) == 0 {
		t.Fatalf("%s has no %s, or no ld-linux: remove build/resolved and run packaging/resolved.sh", root, program)
	}
	return []string{loaders[0], "--library-path", strings.Join(folders, ":"), programs[0]}
}

// glob finds files and folders below /lib and /usr/lib, links left out.
func glob(root, pattern string) (found []string) {
	for _, lib := range []string{"lib", "usr/lib"} {
		names, _ := filepath.Glob(filepath.Join(root, lib, pattern))
		for _, n := range names {
			if info, err := os.Lstat(n); err == nil && info.Mode()&fs.ModeSymlink == 0 {
				found = append(found, n)
			}
		}
	}
	return found
}
