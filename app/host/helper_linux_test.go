package host

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/session"
)

// place is a machine whose helper lies in a folder of the test's, and listens nowhere.
func place(t *testing.T, programs map[string]string) (h Host, folder string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range programs {
		program(t, filepath.Join(dir, name), text)
	}
	return Host{Socket: filepath.Join(t.TempDir(), "helper.sock"), Folders: []string{filepath.Join(dir, "none"), dir}, Owner: os.Getuid()}, dir
}

func program(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func TestHelper(t *testing.T) {
	h, dir := place(t, map[string]string{helperProgram: `[ "$*" = -version ] && echo tidegate-helper 7.8`, setupProgram: ""})
	if got, want := h.Helper(t.Context()), (session.Helper{Phase: session.HelperStopped, Version: "7.8", Command: "sudo " + dir + "/" + setupProgram}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	l, err := net.Listen("unix", h.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := h.Helper(t.Context()).Phase; got != session.HelperReady {
		t.Errorf("it listens, and is %q", got)
	}
	old, _ := place(t, map[string]string{helperProgram: "echo flag provided but not defined: -version >&2; exit 2"})
	if got, want := old.Helper(t.Context()), (session.Helper{Phase: session.HelperStopped}); got != want || got.CanSetUp() {
		t.Errorf("one of before: %+v", got)
	}
	none, _ := place(t, nil)
	if got, want := none.Helper(t.Context()), (session.Helper{Phase: session.HelperAbsent}); got != want {
		t.Errorf("none: %+v", got)
	}
}

func TestPhase(t *testing.T) {
	for name, c := range map[string]struct {
		reached           error
		member, installed bool
		want              session.HelperPhase
	}{
		"it serves us":              {nil, true, true, session.HelperReady},
		"another's, which serves":   {nil, false, false, session.HelperReady},
		"not in the group":          {fs.ErrPermission, false, true, session.HelperClosed},
		"in the group, but not yet": {fs.ErrPermission, true, true, session.HelperWaiting},
		"no socket":                 {fs.ErrNotExist, true, true, session.HelperStopped},
		"nothing":                   {fs.ErrNotExist, false, false, session.HelperAbsent},
	} {
		if got := phase(c.reached, c.member, c.installed); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What anybody else could have written is never run as root.
func TestOnlyRootsPrograms(t *testing.T) {
	for name, spoil := range map[string]func(dir, file string) error{
		"a file that others write":   func(_, file string) error { return os.Chmod(file, 0o757) },
		"a folder that others write": func(dir, _ string) error { return os.Chmod(dir, 0o777) },
		"no program":                 func(_, file string) error { return os.Chmod(file, 0o644) },
		"a link": func(_, file string) error {
			if err := os.Rename(file, file+".real"); err != nil {
				return err
			}
			return os.Symlink(file+".real", file)
		},
	} {
		h, dir := place(t, map[string]string{setupProgram: ""})
		if err := spoil(dir, filepath.Join(dir, setupProgram)); err != nil {
			t.Fatal(err)
		}
		if got := h.program(setupProgram); got != "" {
			t.Errorf("%s: %s would be run", name, got)
		}
	}
	// Whoever may write a folder above it can put another folder in its place.
	h, dir := place(t, nil)
	above, libexec := filepath.Join(dir, "usr"), filepath.Join(dir, "usr", "libexec")
	if err := os.MkdirAll(libexec, 0o755); err != nil {
		t.Fatal(err)
	}
	program(t, filepath.Join(libexec, setupProgram), "")
	h.Folders = []string{libexec}
	for _, c := range []struct {
		mode os.FileMode
		runs bool
	}{{0o755, true}, {0o757, false}, {0o775, false}, {os.ModeSticky | 0o777, true}} {
		if err := os.Chmod(above, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := h.program(setupProgram); (got != "") != c.runs {
			t.Errorf("below a folder of %v: %q would be run", c.mode, got)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(above, link); err != nil {
		t.Fatal(err)
	}
	h.Folders = []string{filepath.Join(link, "libexec")}
	if got := h.program(setupProgram); got != "" {
		t.Errorf("behind a link: %s would be run", got)
	}
	h, _ = place(t, map[string]string{setupProgram: ""})
	h.Owner++
	if got := h.program(setupProgram); got != "" {
		t.Errorf("another's: %s would be run", got)
	}
}

// One click has pkexec run the one program, with nothing of the user's; and it is the
// desktop that asks for the password, or nobody: not the terminal that the client was
// started from.
func TestSetUpHelper(t *testing.T) {
	h, dir := place(t, map[string]string{setupProgram: ""})
	setup, bin := filepath.Join(dir, setupProgram), t.TempDir()
	record := filepath.Join(bin, "record")
	t.Setenv("PATH", bin)
	t.Setenv("RECORD", record)
	for _, c := range []struct {
		name, pkexec string
		title, fix   string // none: it went well
	}{
		{"no polkit", "", "asks for an administrator's password", "sudo " + setup},
		{"done", "exit 0", "", ""},
		{"dismissed", "echo Error executing command as another user: Request dismissed >&2; exit 126", "was not set up", "ask whoever administers"},
		{"no agent", "exit 127", "was not set up", "sudo " + setup},
		{"failed", "echo first >&2; echo 'Unit tidegate-helper.socket is masked.' >&2; exit 1", "could not be set up", "sudo " + setup},
	} {
		if c.pkexec != "" {
			program(t, filepath.Join(bin, "pkexec"), `printf '%s\n' "$@" >"$RECORD"; `+c.pkexec)
		}
		p := h.SetUpHelper(context.Background())
		if c.title == "" {
			if p != nil {
				t.Errorf("%s: %+v", c.name, p)
			}
		} else if p == nil || !strings.Contains(p.Title, c.title) || !strings.Contains(p.Fix, c.fix) || p.Detail == "" {
			t.Errorf("%s: %+v", c.name, p)
		}
		if c.name == "failed" && p.Detail != "Unit tidegate-helper.socket is masked." {
			t.Errorf("it failed because of %q", p.Detail)
		}
		if got, err := os.ReadFile(record); c.pkexec != "" && (err != nil || string(got) != "--disable-internal-agent\n"+setup+"\n") {
			t.Errorf("%s: pkexec was given %q (%v)", c.name, got, err)
		}
	}
	none, _ := place(t, nil)
	if p := none.SetUpHelper(t.Context()); p == nil || !strings.Contains(p.Fix, "Install") {
		t.Errorf("nothing to run: %+v", p)
	}
}
