// Package rig puts the real client, as its own process on a private desktop,
// beside a lab: what the demo shows, the scenarios test and the benchmarks
// measure. It knows the client as a user does, by its program and its local
// socket, and imports nothing of its inside. Its methods are for one goroutine.
package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/internal/desktop"
	"github.com/tidegate/tidegate/session"
)

// Rig is a desktop with a client on it.
type Rig struct {
	*desktop.Desktop
	program string   // of the client
	env     []string // added to the desktop's
	profile profile.Profile

	client *exec.Cmd
	ended  chan error
	log    *tail
}

// New prepares a client on a desktop, under the everyday profile of its user.
func New(d *desktop.Desktop, program string, env ...string) *Rig {
	r := &Rig{Desktop: d, program: program, env: env}
	for _, v := range d.Env() {
		switch k, dir, _ := strings.Cut(v, "="); k {
		case "XDG_RUNTIME_DIR":
			r.profile.Runtime = filepath.Join(dir, "tidegate")
		case "XDG_CONFIG_HOME":
			r.profile.Config = filepath.Join(dir, "tidegate")
		}
	}
	return r
}

// Start starts the client and returns at once.
func (r *Rig) Start(ctx context.Context, args ...string) error {
	r.log = &tail{}
	c := r.Command(ctx, r.program, args...)
	c.Env = append(c.Env, r.env...)
	c.Stdout, c.Stderr = r.log, r.log
	c.WaitDelay = logTime
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the client: %w", err)
	}
	r.client, r.ended = c, make(chan error, 1)
	ended := r.ended
	go func() { ended <- c.Wait() }()
	return nil
}

// Pid is the client's process id; 0 while none runs.
func (r *Rig) Pid() int {
	if r.client == nil {
		return 0
	}
	return r.client.Process.Pid
}

// logTime is how long the log of a client that has ended is read still: the window of one
// that was killed stays for a while, and holds it open.
const logTime = 2 * time.Second

// endTime is how long the client may take to end on a machine that is busy.
const endTime = 40 * time.Second

// Stop ends the client by a signal and waits for it.
func (r *Rig) Stop(sig syscall.Signal) error {
	if r.client == nil {
		return nil
	}
	c := r.client
	r.client = nil
	if err := c.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the client: %w", err)
	}
	select {
	case err := <-r.ended:
		if sig == syscall.SIGTERM && err != nil {
			return fmt.Errorf("the client ended badly: %w\n%s", err, r.log)
		}
		return nil
	case <-time.After(endTime):
		c.Process.Kill()
		<-r.ended
		return fmt.Errorf("the client did not end within %v of %v\n%s", endTime, sig, r.log)
	}
}

// Ended waits until the client has ended by itself, and well.
func (r *Rig) Ended(ctx context.Context) error {
	select {
	case err := <-r.ended:
		r.client = nil
		if err != nil {
			return fmt.Errorf("the client ended badly: %w\n%s", err, r.log)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the client did not end: %w", context.Cause(ctx))
	}
}

// Curl fetches a page as a program of the user's would.
func (r *Rig) Curl(ctx context.Context, url string) (string, error) {
	out, err := r.Command(ctx, "curl", "-sS", "--max-time", "60", url).Output()
	if err != nil {
		return "", fmt.Errorf("curl %s: %w", url, err)
	}
	return string(out), nil
}

// Runtime is the client's runtime folder.
func (r *Rig) Runtime() string { return r.profile.Runtime }

// Log is the end of what the client has printed.
func (r *Rig) Log() string { return r.log.String() }

// Run runs the client's command line and returns what it printed.
func (r *Rig) Run(ctx context.Context, stdin string, args ...string) (string, error) {
	c := r.Command(ctx, r.program, args...)
	c.Env = append(c.Env, r.env...)
	c.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("tidegate %s: %w: %s", args[0], err, strings.TrimSpace(errOut.String()))
	}
	return out.String(), nil
}

// Dial reaches the client's socket, which may take a moment to come.
func (r *Rig) Dial(ctx context.Context) (*local.Client, error) {
	for {
		c, err := local.Dial(r.profile)
		if err == nil || !errors.Is(err, local.ErrNotRunning) {
			return c, err
		}
		select {
		case err := <-r.ended:
			r.ended <- err
			return nil, fmt.Errorf("the client has ended: %v\n%s", err, r.log)
		case <-ctx.Done():
			return nil, fmt.Errorf("the client did not open its socket: %w\n%s", ctx.Err(), r.log)
		case <-time.After(time.Millisecond):
		}
	}
}

// Do sends a command to the client.
func (r *Rig) Do(ctx context.Context, cmd session.Command) error {
	c, err := r.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Do(ctx, cmd)
}

// Wait returns the first state that is as wanted; what says so in the error.
func (r *Rig) Wait(ctx context.Context, what string, wanted func(*session.State) bool) (session.State, error) {
	c, err := r.Dial(ctx)
	if err != nil {
		return session.State{}, err
	}
	defer c.Close()
	var last session.State
	for s := range c.Watch(ctx) {
		last = s
		if wanted(&s) {
			return s, nil
		}
	}
	return last, fmt.Errorf("waiting until %s: %w; control channel %q, %s; prompt %+v; problems %+v\n%s",
		what, context.Cause(ctx), last.Control.Phase, last.ZTA.Title, last.Prompt, last.Problems, r.log)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if extra := len(t.b) - 8<<10; extra > 0 {
		t.b = t.b[extra:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
