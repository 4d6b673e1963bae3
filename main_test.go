package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tidegate": main})
}

// The scripts run the whole program, without a desktop.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Deadline:            time.Now().Add(2 * time.Minute),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			// The socket's path is short.
			run, err := os.MkdirTemp("", "run")
			if err != nil {
				return err
			}
			e.Defer(func() { os.RemoveAll(run) })
			home := filepath.Join(e.WorkDir, "home")
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			e.Vars = append(e.Vars, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_RUNTIME_DIR="+run, "LANG=C.UTF-8",
				"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus", "DISPLAY=", "WAYLAND_DISPLAY=", "GORACE=atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// code N COMMAND...: the command ends with exit code N.
			"code": func(ts *testscript.TestScript, _ bool, args []string) {
				exitCode(ts, args)
			},
			// until COMMAND...: the command succeeds in the end.
			"until": func(ts *testscript.TestScript, _ bool, args []string) {
				for end := time.Now().Add(20 * time.Second); ts.Exec(args[0], args[1:]...) != nil; time.Sleep(20 * time.Millisecond) {
					if time.Now().After(end) {
						ts.Fatalf("%v does not succeed", args)
					}
				}
			},
		},
	})
}

func exitCode(ts *testscript.TestScript, args []string) {
	script := `want=$1; shift; "$@"; got=$?; [ $got = $want ] || { echo "exit code $got, want $want" >&2; exit 1; }`
	ts.Check(ts.Exec("sh", append([]string{"-c", script, "sh"}, args...)...))
}
