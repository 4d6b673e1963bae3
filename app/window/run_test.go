package window

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidegate/tidegate/internal/colorscheme"
	"github.com/tidegate/tidegate/session"
	"go.uber.org/goleak"
)

// live is a window with Run going: the lock stands for Fyne's one thread.
func live(t *testing.T, c *fakeClient) (w *Window, on func(func()), stop func() error) {
	t.Helper()
	return liveIn(t, c, func(context.Context, func(*time.Location)) error { return nil })
}

// liveIn is live where follow tells of the machine's time zones.
func liveIn(t *testing.T, c *fakeClient, follow func(context.Context, func(*time.Location)) error) (w *Window, on func(func()), stop func() error) {
	t.Helper()
	b := newBench(t, alwaysDark)
	w = b.Window
	w.follow = follow
	// A desktop that does not say whether it is light or dark ends no window.
	w.schemes = func(context.Context, func(colorscheme.Scheme)) error { return errors.New("not told") }
	var mu sync.Mutex
	w.client = c
	w.thread = func(f func()) { on(f) }
	on = func(f func()) {
		mu.Lock()
		defer mu.Unlock()
		f()
	}
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return w, on, func() error {
		t.Helper()
		cancel()
		select {
		case err := <-done:
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("Run does not end")
			return nil
		}
	}
}

// eventually waits for something that other goroutines bring about.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("%s does not happen", what)
}

func TestRunShowsStatesAndSendsCommands(t *testing.T) {
	c := &fakeClient{states: make(chan session.State)}
	w, on, stop := live(t, c)
	c.states <- signedIn()
	seen := func(label string) func() bool {
		return func() bool {
			for _, e := range w.Inspect() {
				if e.Label == label {
					return true
				}
			}
			return false
		}
	}
	eventually(t, "the first state", seen("Protected"))
	c.states <- lost()
	eventually(t, "the second state", seen("Not protected"))
	on(func() { w.do(session.Retry{}, nil); w.do(session.SignOut{}, nil) })
	eventually(t, "the commands", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return cmp.Equal(c.done, []session.Command{session.Retry{}, session.SignOut{}})
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestRunTellsOfRefusedCommands(t *testing.T) {
	c := &fakeClient{states: make(chan session.State), err: errors.New("not now")}
	w, on, stop := live(t, c)
	on(func() { w.do(session.Retry{}, nil) })
	eventually(t, "the note", func() bool {
		for _, e := range w.Inspect() {
			if e.Label == "That did not work: not now" {
				return true
			}
		}
		return false
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestRunEndsWithTheClient(t *testing.T) {
	c := &fakeClient{states: make(chan session.State)}
	close(c.states)
	b := newBench(t, alwaysDark)
	b.client = c
	before := goleak.IgnoreCurrent()
	if err := b.Run(t.Context()); !errors.Is(err, ErrClientEnded) {
		t.Errorf("Run returns %v", err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// The loop of Fyne may be gone before Run is told: nobody waits for it.
func TestRunEndsWithoutFyne(t *testing.T) {
	c := &fakeClient{states: make(chan session.State, 1)}
	b := newBench(t, alwaysDark)
	b.client = c
	entered := make(chan struct{}, 1)
	b.thread = func(func()) { entered <- struct{}{} }
	c.states <- signedIn()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	<-entered
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestClockRingsOnce(t *testing.T) {
	c := clock{wake: make(chan struct{}, 1)}
	var rang []string
	c.at(noon.Add(2*time.Second), func() { rang = append(rang, "late") })
	c.at(noon.Add(time.Second), func() { rang = append(rang, "early") })
	if at, ok := c.next(); !ok || !at.Equal(noon.Add(time.Second)) {
		t.Errorf("next is %v %v", at, ok)
	}
	for _, now := range []time.Time{noon, noon.Add(time.Second), noon.Add(time.Second), noon.Add(time.Hour)} {
		for _, f := range c.take(now) {
			f()
		}
	}
	if d := cmp.Diff([]string{"early", "late"}, rang); d != "" {
		t.Error(d)
	}
	if _, ok := c.next(); ok {
		t.Error("something is due for ever")
	}
}
