package osdns

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// repository is where build/ lies.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// programs are what the scripts of those packages use.
var programs = []string{
	"sh", "bash", "grep", "sed", "awk", "cat", "cp", "mv", "rm", "ln", "ls", "mkdir", "rmdir", "ip", "sort", "cut", "basename", "dirname", "readlink",
	"uname", "expr", "head", "tail", "tr", "wc", "flock", "run-parts", "chmod", "sleep", "touch", "mktemp", "date", "id", "test", "printf", "echo", "getent",
}

// needs are the files of this machine that programs are, and load.
var needs = sync.OnceValues(func() (map[string]string, error) {
	all := map[string]string{}
	for _, p := range programs {
		path, err := exec.LookPath(p)
		if err != nil {
			return nil, err
		}
		all[path] = path
		out, _ := exec.Command("ldd", path).Output() // of a script: none
		for line := range strings.Lines(string(out)) {
			for _, f := range strings.Fields(line) {
				if strings.HasPrefix(f, "/") {
					all[f] = f
				}
			}
		}
	}
	return all, nil
})

// tree makes a root of a system of its own: the programs, and what packages have.
// Programs run in it, changed into it as their root.
func tree(t testing.TB, packages ...string) Options {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this needs root: it changes the root of what it runs")
	}
	o := Options{Root: t.TempDir()}
	if err := os.Chmod(o.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "run", "var/lib", "tmp", "dev", "proc", "root"} {
		if err := os.MkdirAll(filepath.Join(o.Root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "/run"} {
		if err := os.Symlink(to, filepath.Join(o.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := needs()
	if err != nil {
		t.Fatal(err)
	}
	for path := range files {
		program(t, o, path)
	}
	for _, p := range packages {
		dir := resolvedtest.Package(t, p)
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			install(t, o, path, strings.TrimPrefix(path, dir))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// install puts a file of this machine into the tree.
func install(t testing.TB, o Options, from, to string) {
	t.Helper()
	dir, err := o.resolve(filepath.Dir(to))
	if err != nil {
		dir = filepath.Dir(to)
		if strings.HasPrefix(dir, "/bin") || strings.HasPrefix(dir, "/sbin") || strings.HasPrefix(dir, "/lib") {
			dir = "/usr" + dir
		}
	}
	to = filepath.Join(o.path(dir), filepath.Base(to))
	if _, err := os.Lstat(to); err == nil {
		return
	}
	if from, err = filepath.EvalSymlinks(from); err != nil {
		return // a link of documentation
	}
	duplicate(t, from, to)
}

func duplicate(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(from)
	if err == nil {
		err = os.WriteFile(to, b, info.Mode().Perm())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// program puts a program, or what it loads, into the tree: a second name of a copy
// that all trees share, so that nothing done to it there is done to this machine's.
func program(t testing.TB, o Options, path string) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	own := filepath.Join(repository(t), "build", "debian", "programs", path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.Stat(own); err != nil || have.Size() != info.Size() || have.ModTime().Before(info.ModTime()) {
		next := fmt.Sprintf("%s.%d", own, os.Getpid())
		duplicate(t, path, next)
		if err := os.Rename(next, own); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := o.resolve(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(o.path(dir), filepath.Base(path))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(to); err == nil {
		return // by another name of its folder
	}
	if os.Link(own, to) != nil {
		duplicate(t, own, to) // on another filesystem
	}
}

var shared sync.Mutex

// write makes a file in the tree.
func write(t testing.TB, o Options, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(o.path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// command is one that runs in the tree.
func command(o Options, stdin string, env []string, name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	c := &exec.Cmd{Path: name, Args: append([]string{name}, args...), Dir: "/", Env: append([]string{"PATH=/usr/sbin:/usr/bin"}, env...)}
	c.SysProcAttr = inRoot(o)
	out := &bytes.Buffer{}
	c.Stdout, c.Stderr, c.Stdin = out, out, strings.NewReader(stdin)
	return c, out
}
