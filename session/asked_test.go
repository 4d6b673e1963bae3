package session

import (
	"testing"
	"time"
)

// A state says whether the user had the controller tried: who did is not told that it is
// back, and who did in vain is.
func TestRetryIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name  string
		retry func(b *bench, back func())
		asked bool
	}{
		{"asked for", func(b *bench, back func()) { back(); b.do(Retry{}) }, true},
		{"by itself", func(_ *bench, back func()) { back() }, false},
		{"asked for in vain", func(b *bench, back func()) { b.do(Retry{}); b.state(); back() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept").start()
				b.controller.set(func() { b.controller.down = true })
				b.controller.end(errDown)
				if s := b.pass(2 * time.Minute); s.Control.Phase != ControlLost || s.Control.Asked {
					t.Fatalf("%+v", s.Control)
				}
				tt.retry(b, func() { b.controller.set(func() { b.controller.down = false }) })
				if s := b.pass(backoffMost); s.Control.Phase != ControlEstablished || s.Control.Asked != tt.asked {
					t.Errorf("%+v", s.Control)
				}
				b.controller.set(func() { b.controller.down = true })
				b.controller.end(errDown)
				if s := b.state(); s.Control.Phase != ControlReconnecting || s.Control.Asked {
					t.Errorf("after it was interrupted again: %+v", s.Control)
				}
			})
		})
	}
}
