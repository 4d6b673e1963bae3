package window

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"github.com/tidegate/tidegate/session"
)

func TestLockOutSaysUntilWhen(t *testing.T) {
	b := newBench(t, alwaysDark)
	s := signInPrompt()
	s.Prompt.Error = &session.Problem{Title: "Too many attempts", Until: noon.Add(15 * time.Minute)}
	b.apply(s)
	b.says("Too many attempts. Try again at 14:51.")
	b.typed("pw")
	b.key(fyne.KeyReturn)
	b.typed("123456") // which sends it else
	if len(b.queue) > 0 || b.labels()["Sign in"].Enabled {
		t.Errorf("an answer is sent that none will take, or can be")
	}
	b.now = noon.Add(15 * time.Minute)
	for _, f := range b.clock.take(b.now) {
		f()
	}
	b.silent("Too many attempts. Try again at 14:51.")
	b.press("Sign in")
	if got := b.sent(); got != (session.SignIn{Device: "x4k9-m2p7-q8dz", Password: "pw", Code: "123456"}) {
		t.Errorf("sent %#v", got)
	}
}
