package tray

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"iter"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/internal/desktoptest"
	"github.com/tidegate/tidegate/session"
)

// childEnv makes this test binary a program with a tray: the library keeps its
// state in package variables, so each test needs a process of its own.
const childEnv = "TIDEGATE_TRAY_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

// childMain shows the states that it reads, one a line, and writes what is
// clicked. The end of its input ends it.
func childMain() int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &lineClient{end: cancel}
	tray := New(Options{
		Client: c,
		Icons: func(i Icon, light bool) []byte {
			if light {
				return picture(i.State + onLight)
			}
			return picture(i.State)
		},
		Host:   func(present bool) { c.say("host %v", present) },
		Failed: func(err error) { c.say("failed %v", err) },
	})
	if err := tray.Run(ctx); err != nil {
		c.say("error %v", err)
		return 1
	}
	if err := goleak.Find(); err != nil {
		c.say("leak %v", err)
		return 1
	}
	c.say("ended")
	return 0
}

type lineClient struct {
	mu  sync.Mutex
	end context.CancelFunc
}

func (c *lineClient) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Printf(format+"\n", args...)
}

func (c *lineClient) Watch(context.Context) iter.Seq[session.State] {
	return func(yield func(session.State) bool) {
		defer c.end()
		for d := json.NewDecoder(os.Stdin); ; {
			var s session.State
			if err := d.Decode(&s); err != nil || !yield(s) {
				return
			}
		}
	}
}

func (c *lineClient) Do(_ context.Context, cmd session.Command) error {
	b, err := session.EncodeCommand(cmd)
	if err != nil {
		return err
	}
	c.say("do %s", b)
	if _, ok := cmd.(session.SignOut); ok {
		return fmt.Errorf("not now")
	}
	return nil
}

// picture is an icon of one colour.
func picture(s IconState) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	c := colours[s]
	for i := range 16 {
		img.SetNRGBA(i%4, i/4, c)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// onLight behind a state is its picture for a light panel.
const onLight IconState = "-light"

var colours = map[IconState]color.NRGBA{
	Inactive: {90, 90, 90, 255}, Active: {0, 200, 0, 255}, InUse: {0, 0, 200, 255}, Attention: {200, 100, 0, 255},
	Active + onLight: {0, 250, 0, 255}, Attention + onLight: {250, 100, 0, 255},
}

// child is a running program with a tray.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	// errors is what the child wrote beside its lines; read it when it has ended.
	errors bytes.Buffer
}

func startChild(t *testing.T, bus string, env ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 100)}
	c.cmd.Env = append(os.Environ(), childEnv+"=1", "DBUS_SESSION_BUS_ADDRESS="+bus, "GORACE=atexit_sleep_ms=0")
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.Stderr = &c.errors
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in = in
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
		close(c.lines)
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		<-read
		c.cmd.Wait()
	})
	return c
}

func (c *child) send(s session.State) {
	c.t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.in.Write(append(b, '\n')); err != nil {
		c.t.Fatal(err)
	}
}

// expect waits for the next line that the child writes.
func (c *child) expect(want string) {
	c.t.Helper()
	line, ok := <-c.lines
	if !ok || line != want {
		c.t.Fatalf("the child says %q, want %q", line, want)
	}
}

// quit ends the child, which must leave nothing running and not panic.
func (c *child) quit() {
	c.t.Helper()
	c.in.Close()
	c.expect("ended")
	if line, ok := <-c.lines; ok {
		c.t.Errorf("after its end the child says %q", line)
	}
	c.cmd.Wait()
	if r := ourRace.Find(c.errors.Bytes()); r != nil {
		c.t.Errorf("the child raced:\n%s", c.errors.Bytes())
	}
}

// ourRace finds a race report one side of which is in Tidegate's code. The
// library has races of its own (its menu's version, its connection), which
// are not ours to fail for.
var ourRace = regexp.MustCompile(`(?m)^(Read|Write|Previous read|Previous write) at .*\n  github\.com/tidegate/`)

func eventuallyMenu(t *testing.T, w *desktoptest.Watcher, want string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	desktoptest.Eventually(t, "the menu\n"+want, func() bool { return w.MenuText() == want })
}
