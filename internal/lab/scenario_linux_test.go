package lab_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/internal/lab"
	"github.com/tidegate/tidegate/internal/rig"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// program builds the client, and the server beside it for its administrator's
// commands, once, with the race detector, as users build them. It does not watch
// quic-go itself, which opens streams in 0-RTT without a lock on what the peer's
// transport parameters set meanwhile.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tidegate-scenario-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tidegate")
	out, err := exec.Command("go", "build", "-race", "-gcflags=github.com/quic-go/quic-go=-race=false", "-tags", "gles", "-o", dir, "../..", "../../cmd/tidegate-server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	for name, run := range map[string]func(string) error{machineEnv: onMachine, labEnv: runLab, besideEnv: runBeside} {
		if arg := os.Getenv(name); arg != "" {
			if err := run(arg); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// TestScenarios plays testdata/*.txt: each has a lab and a client of its own.
// Their commands are those of scene below, beside testscript's.
func TestScenarios(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	play(t, "testdata", func(env *testscript.Env) error { return setUp(env, path, nil) })
}

func play(t *testing.T, dir string, setUp func(*testscript.Env) error) {
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Setup: setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lab":      act((*scene).doLab),
			"client":   act((*scene).doClient),
			"person":   act((*scene).doPerson),
			"use":      act((*scene).doUse),
			"await":    act((*scene).doWait),
			"answer":   act((*scene).doAnswer),
			"hold":     act((*scene).doHold),
			"keychain": act((*scene).doKeychain),
			"udp":      act((*scene).doUDP),
			"path":     act((*scene).doPath),
		},
		RequireExplicitExec: true,
	})
}

// quickEnd keeps a program with the race detector from sleeping before it ends.
const quickEnd = "GORACE=atexit_sleep_ms=0"

// patience is how long a script waits for anything.
const patience = 30 * time.Second

type sceneKey struct{}

// scene is one script's world.
type scene struct {
	ctx  context.Context
	lab  *lab.Lab
	rig  *rig.Rig
	held map[string]net.Conn
	// Of the scenarios that want them.
	udp   *association
	relay *lab.Relay
}

// setUp makes a world; path is lab.Options.GatewayPath.
func setUp(env *testscript.Env, program string, path func(string) (string, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	s := &scene{ctx: ctx, held: map[string]net.Conn{}}
	env.Defer(cancel)
	ssh, err := startSSH(ctx, filepath.Join(env.WorkDir, "ssh"))
	if err != nil {
		return err
	}
	env.Defer(ssh.stop)
	d, err := desktop.Start(ctx, desktop.Options{Parts: desktop.Keyring})
	if err != nil {
		return err
	}
	env.Defer(func() { d.Close() })
	dir, err := os.MkdirTemp("", "tidegate-lab-")
	if err != nil {
		return err
	}
	env.Defer(func() { os.RemoveAll(dir) })
	conf := lab.DefaultConfig().Quick()
	conf.Lockout = wire.Duration(4 * time.Second)
	s.lab, err = lab.Start(ctx, lab.Options{Config: conf, Dir: dir, Hosts: map[string]string{"bastion.harbour.example:22": ssh.addr}, GatewayPath: path,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return err
	}
	env.Defer(func() {
		if err := s.lab.Close(); err != nil {
			env.T().Fatal(err)
		}
	})
	s.rig = rig.New(d, program, quickEnd)
	env.Defer(func() {
		for _, c := range s.held {
			c.Close()
		}
		if err := s.rig.Stop(syscall.SIGTERM); err != nil {
			env.T().Fatal(err)
		}
	})
	for _, v := range d.Env() {
		if k, v, _ := strings.Cut(v, "="); k != "PATH" {
			env.Setenv(k, v)
		}
	}
	env.Setenv("PATH", filepath.Dir(program)+":"+os.Getenv("PATH"))
	k, v, _ := strings.Cut(quickEnd, "=")
	env.Setenv(k, v)
	env.Setenv("CONTROLLER", s.lab.ControllerFile())
	env.Setenv("SSH_KEY", ssh.userKey)
	env.Setenv("SSH_HOSTS", ssh.knownHosts)
	env.Values[sceneKey{}] = s
	return nil
}

// act makes a command of the script out of a method; "! command" wants it to fail.
func act(do func(*scene, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := do(ts.Value(sceneKey{}).(*scene), ts, args)
		switch {
		case neg && err == nil:
			ts.Fatalf("it did not fail")
		case neg:
			ts.Logf("failed as it should: %v", err)
		case err != nil:
			ts.Fatalf("%v", err)
		}
	}
}

func usage(want string) error { return fmt.Errorf("it is: %s", want) }

// doLab: lab stop|start controller|gateway, lab stop HOST, lab revoke|suspend USER
func (s *scene) doLab(ts *testscript.TestScript, args []string) error {
	switch strings.Join(args, " ") {
	case "stop controller":
		return s.lab.StopController()
	case "start controller":
		return s.lab.StartController()
	case "stop gateway":
		return s.lab.StopGateway()
	case "start gateway":
		return s.lab.StartGateway()
	}
	if len(args) == 2 && args[0] == "stop" {
		return s.lab.StopApp(args[1])
	}
	if len(args) == 2 && args[0] == "revoke" {
		return s.lab.Revoke(s.ctx, args[1])
	}
	if len(args) == 2 && args[0] == "suspend" {
		n, err := s.lab.Suspend(s.ctx, args[1])
		if err == nil && n == 0 {
			return fmt.Errorf("no session of %s is connected", args[1])
		}
		return err
	}
	return usage("lab stop|start controller|gateway, lab stop HOST, lab revoke|suspend USER")
}

// doClient: client start|stop|kill
func (s *scene) doClient(ts *testscript.TestScript, args []string) error {
	switch strings.Join(args, " ") {
	case "start":
		if err := s.rig.Start(s.ctx); err != nil {
			return err
		}
		c, err := s.rig.Dial(s.ctx)
		if err != nil {
			return err
		}
		c.Close()
		return nil
	case "stop":
		return s.rig.Stop(syscall.SIGTERM)
	case "kill":
		return s.rig.Stop(syscall.SIGKILL)
	}
	return usage("client start|stop|kill")
}

// doPerson: person USER sets LINK and CODE; person USER signs-in enrols and signs in.
func (s *scene) doPerson(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return usage("person USER [signs-in|code]")
	}
	p, err := s.lab.Config().Person(args[0])
	if err != nil {
		return err
	}
	switch {
	case len(args) == 2 && args[1] == "code":
		code, err := s.lab.Code(p.Name)
		ts.Setenv("CODE", code)
		return err
	case len(args) == 2 && args[1] != "signs-in":
		return usage("person USER [signs-in|code]")
	}
	link, err := s.lab.Link(s.ctx, p.Name)
	if err != nil {
		return err
	}
	ts.Setenv("LINK", link.String())
	ts.Setenv("PASSWORD", p.Password)
	if len(args) == 1 {
		return nil
	}
	if _, err := s.rig.Run(s.ctx, link.String()+"\n", "enrol", "-"); err != nil {
		return err
	}
	_, err = s.rig.Run(s.ctx, p.Password+"\n", "sign-in")
	return err
}

// doUse: use APP sets ADDR, HOST and PORT to where the application listens.
func (s *scene) doUse(ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return usage("use APP")
	}
	st, err := s.wait("the application listens", func(st *session.State) bool {
		a := app(st, args[0])
		return a != nil && a.Listen.IsValid()
	})
	if err != nil {
		return err
	}
	at := app(&st, args[0]).Listen
	ts.Setenv("ADDR", at.String())
	ts.Setenv("HOST", at.Addr().String())
	ts.Setenv("PORT", fmt.Sprint(at.Port()))
	return nil
}

func app(s *session.State, id string) *session.App {
	for i := range s.Apps {
		if string(s.Apps[i].ID) == id {
			return &s.Apps[i]
		}
	}
	return nil
}

func (s *scene) wait(what string, ok func(*session.State) bool) (session.State, error) {
	ctx, cancel := context.WithTimeoutCause(s.ctx, patience, fmt.Errorf("%v have passed", patience))
	defer cancel()
	return s.rig.Wait(ctx, what, ok)
}

// doWait waits for a state:
//
//	await control PHASE, await channel STATE, await lane LANE, await prompt KIND|none,
//	await app APP STATE, await fails APP KIND, await problem CODE|none,
//	await event KIND
func (s *scene) doWait(ts *testscript.TestScript, args []string) error {
	if len(args) < 1 {
		return usage("await WHAT …")
	}
	last := args[len(args)-1]
	_, err := s.wait(strings.Join(args, " "), func(st *session.State) bool {
		switch args[0] {
		case "control":
			return string(st.Control.Phase) == last && (st.Control.Phase != session.ControlEstablished || len(st.Apps) > 0)
		case "channel":
			return len(st.Sites) == 1 && string(st.Sites[0].State) == last
		case "lane":
			return len(st.Sites) == 1 && st.Sites[0].Lane == last
		case "prompt":
			if last == "none" {
				return st.Prompt == nil
			}
			return st.Prompt != nil && string(st.Prompt.Kind) == last && !st.Prompt.Busy
		case "error":
			return st.Prompt != nil && st.Prompt.Error != nil && st.Prompt.Error.Code == last
		case "app":
			a := app(st, args[1])
			return a != nil && string(a.State) == last
		case "fails":
			a := app(st, args[1])
			return a != nil && slices.ContainsFunc(a.Failing, func(f session.Failing) bool { return string(f.Kind) == last })
		case "problem":
			for _, p := range st.Problems {
				if p.Code == last {
					return p.Title != "" && p.Fix != ""
				}
			}
			return last == "none"
		case "event":
			for _, e := range st.Events {
				if e.Kind == last {
					return true
				}
			}
		}
		return false
	})
	return err
}

// doAnswer: answer USER answers the prompt with the next one-time code.
func (s *scene) doAnswer(ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return usage("answer USER|wrongly")
	}
	st, err := s.wait("it asks for a code", func(st *session.State) bool {
		return st.Prompt != nil && st.Prompt.Kind == session.PromptInteraction && !st.Prompt.Busy
	})
	if err != nil {
		return err
	}
	code := "000000"
	if args[0] != "wrongly" {
		if code, err = s.lab.Code(args[0]); err != nil {
			return err
		}
	}
	return s.rig.Do(s.ctx, session.Answer{Prompt: st.Prompt.ID, MFA: session.Secret(code)})
}

// doHold keeps one connection an application open across commands:
//
//	hold APP open, hold APP say TEXT, hold APP get TEXT, hold APP cut [WITHIN], hold APP close
func (s *scene) doHold(ts *testscript.TestScript, args []string) error {
	const how = "hold APP open|say TEXT|hear TEXT|get TEXT|cut [WITHIN]|close"
	if len(args) < 2 {
		return usage(how)
	}
	id, c := args[0], s.held[args[0]]
	if args[1] != "open" && c == nil {
		return fmt.Errorf("no connection to %s is held", id)
	}
	switch args[1] {
	case "open":
		if err := s.doUse(ts, []string{id}); err != nil {
			return err
		}
		c, err := net.DialTimeout("tcp", ts.Getenv("ADDR"), patience)
		if err != nil {
			return err
		}
		s.held[id] = c
		return nil
	case "say":
		return say(c, strings.Join(args[2:], " "))
	case "hear":
		return hear(c, strings.Join(args[2:], " "))
	case "get":
		return get(c, strings.Join(args[2:], " "))
	case "cut":
		within := patience
		if len(args) == 3 {
			var err error
			if within, err = time.ParseDuration(args[2]); err != nil {
				return err
			}
		}
		begin := time.Now()
		c.SetReadDeadline(begin.Add(within))
		_, err := c.Read(make([]byte, 1))
		if err == nil || !strings.Contains(err.Error(), "reset by peer") {
			return fmt.Errorf("the connection ended with %v; a reset was expected", err)
		}
		ts.Logf("cut after %d ms", time.Since(begin).Milliseconds())
	case "close":
	default:
		return usage(how)
	}
	delete(s.held, id)
	return c.Close()
}

// say writes a line and reads until its echo comes.
func say(c net.Conn, text string) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(c, text); err != nil {
		return err
	}
	return hear(c, ": "+text)
}

// hear reads until a line ends with text.
func hear(c net.Conn, text string) error {
	c.SetDeadline(time.Now().Add(patience))
	var got strings.Builder
	b := make([]byte, 512)
	for !strings.Contains(got.String(), text+"\n") {
		n, err := c.Read(b)
		if err != nil {
			return fmt.Errorf("after %q: %w", got.String(), err)
		}
		got.Write(b[:n])
	}
	return nil
}

// get fetches a page, which has the text, and leaves the connection open.
func get(c net.Conn, text string) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: lab\r\n\r\n"); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && !strings.Contains(string(page), text) {
		err = fmt.Errorf("%q is not in %s", text, page)
	}
	return err
}

// doKeychain: keychain lock|unlock|stop|start
func (s *scene) doKeychain(ts *testscript.TestScript, args []string) error {
	switch strings.Join(args, " ") {
	case "lock":
		return s.rig.LockKeyring(s.ctx)
	case "unlock":
		return s.rig.UnlockKeyring(s.ctx)
	case "stop":
		return s.rig.StopKeyring(s.ctx)
	case "start":
		return s.rig.StartKeyring(s.ctx)
	}
	return usage("keychain lock|unlock|stop|start")
}
