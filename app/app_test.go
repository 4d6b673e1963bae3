package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/app/cli"
	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/session"
)

// windowEnv makes this test binary a window process: it notes its start in the
// file that it names, and does what windowDo says.
const windowEnv, windowDo = "TIDEGATE_TEST_WINDOW", "TIDEGATE_TEST_DO"

func TestMain(m *testing.M) {
	if note := os.Getenv(windowEnv); note != "" {
		os.Exit(windowMain(note, os.Getenv(windowDo)))
	}
	goleak.VerifyTestMain(m)
}

func windowMain(note, do string) int {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	f, err := os.OpenFile(note, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 2
	}
	fmt.Fprintln(f, os.Getpid())
	f.Close()
	switch do {
	case "crash":
		return 1
	case "close":
		return 0
	}
	<-end
	return 0
}

// fakeCore is a session that does as the test says, until Quit.
type fakeCore struct {
	apptest.Source
	quit chan struct{}
	once sync.Once
}

func newCore() *fakeCore {
	c := &fakeCore{quit: make(chan struct{})}
	c.Answer = func(cmd session.Command) error {
		switch cmd.(type) {
		case session.Quit:
			c.once.Do(func() { close(c.quit) })
		case session.SignOut:
			return errors.New("you are not signed in")
		case session.ShowWindow:
			c.Change(func(s *session.State) { s.Window.Seq++ })
		}
		return nil
	}
	c.Publish(session.State{Enrolment: session.Enrolment{Device: "d"}, User: session.User{Name: "ada"}, ZTA: session.ZTA{Title: "Protected", Active: true}})
	return c
}

func (c *fakeCore) ReportTray(h session.TrayHost) { c.Change(func(s *session.State) { s.Tray = h }) }

func (c *fakeCore) ReportScreen(locked bool) { c.Change(func(s *session.State) { s.Locked = locked }) }

func (c *fakeCore) Run(ctx context.Context) error {
	select {
	case <-c.quit:
	case <-ctx.Done():
	}
	return nil
}

func place(t *testing.T) profile.Profile {
	t.Helper()
	dir, err := os.MkdirTemp("", "app")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return profile.Profile{Runtime: dir, Config: filepath.Join(dir, "config"), State: filepath.Join(dir, "state")}
}

// start runs the tray process around core and returns what waits for its end.
func start(t *testing.T, p profile.Profile, core Core, adjust func(*Options)) (end func(), cancel func()) {
	t.Helper()
	t.Setenv("XDG_SESSION_ID", "none") // whoever runs the tests may lock their screen
	instance, err := local.Claim(p)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Core: core, Instance: instance}
	if adjust != nil {
		adjust(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	end = sync.OnceFunc(func() {
		t.Helper()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(desktoptest.Wait):
			t.Error("it does not end")
		}
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); end() })
	return end, cancel
}

func TestTrayProcess(t *testing.T) {
	bus := desktoptest.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	w, desk := desktoptest.NewWatcher(t, bus), desktoptest.NewNotifications(t, bus)
	p, core := place(t), newCore()
	var part sync.WaitGroup
	part.Add(1)
	end, _ := start(t, p, core, func(o *Options) {
		o.First = session.Retry{}
		o.Parts = []func(context.Context) error{func(ctx context.Context) error {
			defer part.Done()
			<-ctx.Done()
			return nil
		}}
	})
	desktoptest.Eventually(t, "the tray", func() bool { return w.Registered() == 1 })
	c, err := local.Dial(p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.State(t.Context())
	if err != nil || s.Tray != session.TrayPresent {
		t.Errorf("tray %q, %v", s.Tray, err)
	}
	if width, height, _ := w.Pixmap(); width < 22 || width != height {
		t.Errorf("the icon has %d x %d pixels", width, height)
	}
	press := map[string]desktoptest.MenuItem{}
	for _, it := range w.Menu() {
		press[it.Label] = it
	}
	// A click that leads to nothing says so.
	w.Press(press["Sign out"])
	desktoptest.Eventually(t, "a notification", func() bool { return len(desk.Shown()) == 1 })
	if n := desk.Shown()[0]; n.Body != "you are not signed in." {
		t.Errorf("notification %+v", n)
	}
	// A second start is the first one's business.
	if i, err := claim(t.Context(), p, nil); i != nil || err != nil {
		t.Errorf("a second instance: %v, %v", i, err)
	}
	if i, err := claim(t.Context(), p, session.ProposeEnrol{Link: "l"}); i != nil || err != nil {
		t.Errorf("a second instance: %v, %v", i, err)
	}
	w.Press(press["Quit"])
	end()
	part.Wait()
	want := []session.Command{session.Retry{}, session.SignOut{}, session.ShowWindow{}, session.ProposeEnrol{Link: "l"}, session.Quit{}}
	if diff := cmp.Diff(want, core.Commands()); diff != "" {
		t.Error(diff)
	}
}

// Without a desktop all the rest works.
func TestNoDesktop(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	p, core := place(t), newCore()
	end, cancel := start(t, p, core, nil)
	c, err := local.Dial(p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for s := range c.Watch(t.Context()) {
		if s.Tray == session.TrayAbsent {
			break
		}
	}
	cancel()
	end()
}

func TestAPartFails(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	instance, err := local.Claim(place(t))
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close()
	broken := errors.New("broken")
	err = Run(t.Context(), Options{Core: newCore(), Instance: instance, Parts: []func(context.Context) error{
		func(context.Context) error { return broken },
	}})
	if !errors.Is(err, broken) {
		t.Errorf("run: %v", err)
	}
}

// A start that comes while another instance ends takes over from it.
func TestClaimFromOneThatEnds(t *testing.T) {
	p := place(t)
	first, err := local.Claim(p)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(100 * time.Millisecond)
		first.Close()
	}()
	second, err := claim(t.Context(), p, nil)
	if err != nil || second == nil {
		t.Fatalf("%v, %v", second, err)
	}
	second.Close()
}

func TestClaimGivesUp(t *testing.T) {
	p := place(t)
	first, err := local.Claim(p)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if i, err := claim(ctx, p, nil); i != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", i, err)
	}
}

func TestNoDisplay(t *testing.T) {
	none := errors.New("no display")
	w := launch(t, "", none)
	w.show()
	select {
	case err := <-w.told:
		if err != none {
			t.Errorf("the user is told %v", err)
		}
	case <-time.After(desktoptest.Wait):
		t.Fatal("the user is told nothing")
	}
	w.show()
	w.core.Change(func(s *session.State) { s.Prompt = &session.Prompt{ID: "p"} })
	if n := len(w.pids()) + len(w.told); n != 0 {
		t.Errorf("%d window processes without a display, or words of it", n)
	}
}

// Who asks for the window from a terminal is told there that none can be shown.
func TestNoDisplayIsSaidInTheTerminal(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
	p, core := place(t), newCore()
	start(t, p, core, func(o *Options) {
		o.Display = func() error { return errors.New("no display") }
		o.Window = func(context.Context) *exec.Cmd { t.Error("a window process is started"); return nil }
	})
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), []string{"window"}, cli.Options{Profile: p, Out: &out, Err: &errs}); code != cli.Failed || out.Len() > 0 || errs.String() != "tidegate: no display\n" {
		t.Errorf("%d: %q, %q", code, out.String(), errs.String())
	}
	if _, err := claim(t.Context(), p, nil); err == nil {
		t.Error("a second start is told nothing")
	}
	if cmds := core.Commands(); len(cmds) != 0 {
		t.Errorf("it has done %v", cmds)
	}
}

// What is wrong with a link is told once: by the window, where there is one.
func TestFirstThatFails(t *testing.T) {
	bad, blind := errors.New("that is not a link"), errors.New("no display")
	window := func(context.Context) *exec.Cmd { return nil }
	for _, tt := range []struct {
		name    string
		first   session.Command
		window  func(context.Context) *exec.Cmd
		display error
		want    error
	}{
		{"a link, and the window comes", session.ProposeEnrol{Link: "x"}, window, nil, nil},
		{"a link, and there is no display", session.ProposeEnrol{Link: "x"}, window, blind, bad},
		{"a link, and there is no window", session.ProposeEnrol{Link: "x"}, nil, nil, bad},
		{"another command", session.Retry{}, window, nil, bad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			core := newCore()
			core.Answer = func(session.Command) error { return bad }
			var told error
			o := Options{Core: core, First: tt.first, Window: tt.window, Display: func() error { return tt.display }}
			if o.begin(t.Context(), func(err error) { told = err }); told != tt.want {
				t.Errorf("it tells %v", told)
			}
		})
	}
}

// The pauses after crashes grow to a minute, and one that lasted ends them.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLauncher(Options{Log: slog.New(slog.DiscardHandler)}, nil)
		var got []time.Duration
		again := 0 // how often it starts unasked
		crash := func() {
			if l.over(errors.New("crash")) {
				again++
			}
			got = append(got, time.Until(l.ready))
		}
		for range 8 {
			l.started = time.Now()
			crash()
		}
		if again != 6 {
			t.Errorf("of eight that crash %d are started unasked", again)
		}
		l.started = time.Now()
		time.Sleep(2 * longestPause)
		crash()
		s := time.Second
		if diff := cmp.Diff([]time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, s}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWindowCommand(t *testing.T) {
	cmd := windowCommand(profile.Profile{Name: "demo"})(t.Context())
	if !cmp.Equal(cmd.Args[1:], []string{"window", "--viewer"}) || cmd.Env[len(cmd.Env)-1] != "TIDEGATE_PROFILE=demo" {
		t.Errorf("%v %v", cmd.Args, cmd.Env)
	}
}

// What wants to be seen waits for whoever has locked the screen.
func TestLockedScreen(t *testing.T) {
	bus := desktoptest.Bus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", bus)
	saver := desktoptest.NewScreenSaver(t, bus, "org.gnome.ScreenSaver", true)
	core, note := newCore(), filepath.Join(t.TempDir(), "started")
	started := func() bool { _, err := os.Stat(note); return err == nil }
	start(t, place(t), core, func(o *Options) {
		o.Display = func() error { return nil }
		o.Window = func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), windowEnv+"="+note, "GORACE=atexit_sleep_ms=0")
			return cmd
		}
	})
	reported := func(what string, ok func(session.State) bool) {
		t.Helper()
		desktoptest.Eventually(t, what, func() bool {
			for s := range core.Watch(t.Context()) {
				return ok(s)
			}
			return false
		})
	}
	reported("the screen to be locked", func(s session.State) bool { return s.Locked })
	core.Change(func(s *session.State) { s.Prompt = &session.Prompt{ID: "p"} })
	if started() {
		t.Error("the window is put over the locked screen")
	}
	saver.Set(false)
	reported("the screen not to be locked", func(s session.State) bool { return !s.Locked })
	desktoptest.Eventually(t, "the window", started)
}
