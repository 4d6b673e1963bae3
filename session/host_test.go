package session

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeHost is a machine on which all is as the test has it.
type fakeHost struct {
	mu     sync.Mutex
	on     bool
	full   error // of SetLogin
	helper Helper
	setup  func() *Problem // with mu held
}

func (h *fakeHost) Login() (Login, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.on {
		return LoginOn, nil
	}
	return LoginOff, nil
}

func (h *fakeHost) SetLogin(on bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.full == nil {
		h.on = on
	}
	return h.full
}

func (h *fakeHost) Helper(context.Context) Helper {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.helper
}

func (h *fakeHost) SetUpHelper(context.Context) *Problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.setup()
}

func (h *fakeHost) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// Starting with the desktop is as the machine has it, whoever changes it.
func TestStartAtLogin(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		host := &fakeHost{}
		b.host = host
		b.start()
		is := func(want Login) {
			t.Helper()
			if got := b.state().Login; got != want {
				t.Errorf("it is %q, want %q", got, want)
			}
		}
		is(LoginOff)
		b.do(StartAtLogin{true})
		is(LoginOn)
		host.set(func() { host.on = false })
		b.do(LookAround{})
		is(LoginOff)
		host.set(func() { host.full = errors.New("write the autostart file: no space left on device") })
		if err := b.s.Do(t.Context(), StartAtLogin{true}); err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("a full disk: %v", err)
		}
		is(LoginOff)
	})
}

// Setting the helper up is told while it goes on; what it came to stays until it is cured.
func TestSetUpHelper(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		dismissed := &Problem{Code: "helper-setup", Title: "The helper was not set up"}
		asked := make(chan struct{})
		host := &fakeHost{helper: Helper{Phase: HelperStopped, Version: "1", Command: "sudo setup"}}
		host.setup = func() *Problem { <-asked; return dismissed }
		b.host = host
		b.start()
		is := func(when string, want Helper) {
			t.Helper()
			if d := cmp.Diff(want, b.state().Helper); d != "" {
				t.Errorf("%s (-want +got):\n%s", when, d)
			}
		}
		stopped := host.helper
		is("at first", stopped)
		b.do(SetUpHelper{})
		working := stopped
		working.Working = true
		is("meanwhile", working)
		if err := b.s.Do(t.Context(), SetUpHelper{}); !errors.Is(err, errBusy) {
			t.Errorf("twice: %v", err)
		}
		close(asked)
		failed := stopped
		failed.Problem = dismissed
		is("dismissed", failed)
		b.do(LookAround{})
		is("looked at again", failed)
		host.set(func() {
			host.setup = func() *Problem { host.helper.Phase = HelperWaiting; return nil }
		})
		b.do(SetUpHelper{})
		is("set up", Helper{Phase: HelperWaiting, Version: "1", Command: "sudo setup"})
		b.do(SetUpHelper{}) // which is nothing any more
		host.set(func() { host.helper = Helper{Phase: HelperAbsent} })
		b.do(LookAround{})
		b.state()
		if err := b.s.Do(t.Context(), SetUpHelper{}); err == nil || !strings.Contains(err.Error(), "install Tidegate's package") {
			t.Errorf("absent: %v", err)
		}
	})
}
