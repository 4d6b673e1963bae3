package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tidegate-server": main})
}

// patience is how long a script waits for anything.
const patience = 30 * time.Second

type worldKey struct{}

// world is what a script has running.
type world struct {
	servers map[string]*exec.Cmd
	logs    map[string]*os.File
	devices map[string]*device
	close   []func()
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// TestScripts runs the whole program, each server as a process of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"expand": doExpand, "let": doLet, "code": doCode, "until": doUntil, "start": doStart, "signal": doSignal, "ended": doEnded, "log": doLog, "device": doDevice,
		},
	})
}

// setUp finds free ports and starts an application that echoes.
func setUp(env *testscript.Env) error {
	w := &world{servers: map[string]*exec.Cmd{}, logs: map[string]*os.File{}, devices: map[string]*device{}}
	env.Values[worldKey{}] = w
	env.Defer(w.end)
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := app.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	w.close = append(w.close, func() { app.Close() })
	env.Setenv("APP", app.Addr().String())
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	for _, name := range []string{"CONTROLLER", "GATEWAY"} {
		at, err := freeAddress()
		if err != nil {
			return err
		}
		env.Setenv(name, at)
	}
	return nil
}

// freeAddress is free for TCP and for UDP.
func freeAddress() (string, error) {
	for range 20 {
		t, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer t.Close()
		if u, err := net.ListenPacket("udp", t.Addr().String()); err == nil {
			defer u.Close()
			return t.Addr().String(), nil
		}
	}
	return "", errors.New("no port is free")
}

func (w *world) end() {
	for _, d := range w.devices {
		d.close()
	}
	for name, c := range w.servers {
		c.Process.Kill()
		c.Wait()
		w.logs[name].Close()
	}
	for _, f := range w.close {
		f()
	}
}

// expand FILE...: what stands as $NAME in a file is replaced.
func doExpand(ts *testscript.TestScript, _ bool, files []string) {
	for _, f := range files {
		text := os.Expand(ts.ReadFile(f), func(name string) string {
			if v := ts.Getenv(name); v != "" {
				return v
			}
			return "$" + name
		})
		ts.Check(os.WriteFile(ts.MkAbs(f), []byte(text), 0o600))
	}
}

// let NAME FILE: the file's text is the environment's NAME.
func doLet(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// code N COMMAND...: the command ends with exit code N.
func doCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// until COMMAND...: the command succeeds in the end.
func doUntil(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(patience); ts.Exec(args[0], args[1:]...) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%v does not succeed", args)
		}
	}
}

// start NAME COMMAND...: the command runs in the background and logs to NAME.log.
func doStart(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	c := exec.Command(path, args[2:]...)
	c.Dir, c.Stdout, c.Stderr, c.Env = ts.MkAbs("."), f, f, append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	ts.Check(c.Start())
	w.servers[args[0]], w.logs[args[0]] = c, f
}

// signal TERM|HUP|KILL NAME
func doSignal(ts *testscript.TestScript, _ bool, args []string) {
	s := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}[args[0]]
	ts.Check(worldOf(ts).servers[args[1]].Process.Signal(s))
}

// ended NAME [CODE]: the server ends, with exit code 0 or CODE.
func doEnded(ts *testscript.TestScript, _ bool, args []string) {
	w, want := worldOf(ts), "0"
	if len(args) > 1 {
		want = args[1]
	}
	c := w.servers[args[0]]
	late := time.AfterFunc(patience, func() { c.Process.Signal(syscall.SIGQUIT) })
	c.Wait() // its error is the exit code's
	late.Stop()
	delete(w.servers, args[0])
	w.logs[args[0]].Close()
	if got := strconv.Itoa(c.ProcessState.ExitCode()); got != want {
		ts.Fatalf("%s ended with %s, want %s:\n%s", args[0], got, want, ts.ReadFile(args[0]+".log"))
	}
}

// log NAME TEXT: the server's log holds the text, soon; ! log: it does not.
func doLog(ts *testscript.TestScript, neg bool, args []string) {
	has := func() bool { return bytes.Contains([]byte(ts.ReadFile(args[0]+".log")), []byte(args[1])) }
	if neg {
		if has() {
			ts.Fatalf("%s logged %q", args[0], args[1])
		}
		return
	}
	for end := time.Now().Add(patience); !has(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s did not log %q:\n%s", args[0], args[1], ts.ReadFile(args[0]+".log"))
		}
	}
}

// device NAME enrol LINK-FILE | sign-in USER PASSWORD | connect GATEWAY |
// use HOST:PORT | holds HOST:PORT | cut HOST:PORT; with ! it has to be refused,
// and the refusal's code is in REFUSAL.
func doDevice(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	d := w.devices[args[0]]
	var err error
	switch args[1] {
	case "enrol":
		if d, err = enrol(strings.TrimSpace(ts.ReadFile(args[2]))); err == nil {
			w.devices[args[0]] = d
		}
	case "sign-in":
		err = d.signIn(args[2], args[3])
	case "connect":
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			err = d.connect(args[2])
			var p *wire.Problem
			// A gateway that starts is waited for, and so are newer tokens.
			if err == nil || errors.As(err, &p) && p.Code != wire.CodeOverload && p.Code != wire.CodeToken || time.Now().After(end) {
				break
			}
		}
	case "use":
		err = d.use(args[2])
	case "holds":
		err = d.holds(args[2])
	case "cut":
		err = d.cut(args[2])
	default:
		err = fmt.Errorf("a device cannot %s", args[1])
	}
	var p *wire.Problem
	switch {
	case !neg:
		ts.Check(err)
	case !errors.As(err, &p):
		ts.Fatalf("not refused: %v", err)
	default:
		ts.Setenv("REFUSAL", string(p.Code))
	}
}
