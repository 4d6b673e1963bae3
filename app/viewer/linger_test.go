package viewer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinger(t *testing.T) {
	type step struct {
		at     time.Duration
		closed bool
	}
	for _, tt := range []struct {
		name  string
		steps []step
		want  time.Duration
	}{
		{"never closed", nil, time.Hour},
		{"closed", []step{{time.Minute, true}}, 6 * time.Minute},
		{"closed again", []step{{time.Minute, true}, {3 * time.Minute, true}}, 8 * time.Minute},
		{"opened again", []step{{time.Minute, true}, {5 * time.Minute, false}}, time.Hour},
		{"opened and closed", []step{{time.Minute, true}, {5 * time.Minute, false}, {10 * time.Minute, true}}, 15 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				l := &linger{closed: make(chan bool, 1)}
				began := time.Now()
				ended := make(chan time.Duration, 1)
				go func() {
					l.run(ctx, 5*time.Minute)
					ended <- time.Since(began)
				}()
				for _, s := range tt.steps {
					time.Sleep(s.at - time.Since(began))
					l.set(s.closed)
				}
				if got := <-ended; got != tt.want {
					t.Errorf("it ended after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// What was set last counts, however fast.
func TestLingerLatest(t *testing.T) {
	l := &linger{closed: make(chan bool, 1)}
	for i := range 100 {
		l.set(i%2 == 0)
	}
	if <-l.closed {
		t.Error("an earlier one was kept")
	}
}
