package window

import (
	"errors"
	"testing"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

func TestStopped(t *testing.T) {
	b := newBench(t, alwaysDark)
	closed := 0
	b.options.OnClose = func() { closed++ }
	b.apply(signedIn())
	b.detail = "wiki"
	b.settle()
	starts := 0
	if !b.Stopped(func() { starts++ }) {
		t.Fatal("it is not seen")
	}
	b.says("Tidegate has stopped", "Your open connections are cut, and your applications are closed until it runs again.")
	if len(b.state.Apps) > 0 || b.state.ZTA.Active {
		t.Errorf("below it are %d applications; active: %v", len(b.state.Apps), b.state.ZTA.Active)
	}
	b.press("Start again")
	b.key(fyne.KeyReturn)
	if starts != 1 {
		t.Errorf("started %d times", starts)
	}
	b.NotStarted(errors.New("no file"))
	b.says("It did not start: no file.")
	b.press("Start again")
	if starts != 2 || closed > 0 {
		t.Errorf("started %d times, closed %d times", starts, closed)
	}
	b.press("Close")
	if closed != 1 || !b.hidden {
		t.Errorf("closed %d times; hidden: %v", closed, b.hidden)
	}
}

// Whoever does not look at the window is not told by it.
func TestStoppedUnseen(t *testing.T) {
	b := newBench(t, alwaysDark)
	b.apply(session.State{})
	b.Hide()
	if b.Stopped(func() {}) {
		t.Error("a hidden window says it")
	}
}
