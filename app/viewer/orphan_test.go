package viewer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// never is later than anything in a test.
const never = 24 * time.Hour

// dead is an instance that is gone, and back, after some time. Each start takes a second.
type dead struct {
	gone, back time.Duration
	starts     []error // what comes of each start
}

func after(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *dead) Gone(ctx context.Context) error { return after(ctx, d.gone) }
func (d *dead) Back(ctx context.Context) error { return after(ctx, d.back) }

func (d *dead) Start(ctx context.Context) error {
	if err := after(ctx, time.Second); err != nil {
		return err
	}
	err := d.starts[0]
	d.starts = d.starts[1:]
	return err
}

// A window says that its instance has died, offers to start it again, and never stays
// for long.
func TestOrphan(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name       string
		instance   dead
		unseen     bool
		again      []time.Duration // when the user wants it back
		ends       time.Duration   // when the process is told to end, or the user closes the window
		want       time.Duration   // when it ends
		err        error
		said, fail int // how often it says that it has stopped, and that it did not start
	}{
		{name: "left alone", instance: dead{back: never}, want: time.Minute, said: 1},
		{name: "nobody looks", instance: dead{back: never}, unseen: true, said: 1},
		{name: "the tray process ends it", instance: dead{gone: never, back: never}, ends: time.Second, want: time.Second},
		{name: "closed", instance: dead{back: never}, ends: 5 * time.Second, want: 5 * time.Second, said: 1},
		{name: "somebody else starts it", instance: dead{back: 3 * time.Second}, want: 3 * time.Second, said: 1},
		{name: "started again", instance: dead{back: never, starts: []error{nil}}, again: []time.Duration{4 * time.Second}, want: 5 * time.Second, said: 1},
		{name: "started at the second time", instance: dead{back: never, starts: []error{broken, nil}},
			again: []time.Duration{4 * time.Second, 64 * time.Second}, want: 65 * time.Second, said: 1, fail: 1},
		{name: "not started", instance: dead{back: never, starts: []error{broken}}, again: []time.Duration{4 * time.Second}, want: 65 * time.Second, said: 1, fail: 1},
		{name: "it runs, and says nothing", instance: dead{gone: never, back: never}, want: goneTime, err: errLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.ends > 0 {
					time.AfterFunc(tt.ends, cancel)
				}
				said, failed := 0, 0
				begin := time.Now()
				o := orphan{instance: &tt.instance, thread: func(f func()) { f() },
					stopped: func(again func()) bool {
						said++
						for _, at := range tt.again {
							time.AfterFunc(at, again)
						}
						return !tt.unseen
					},
					notStarted: func(err error) {
						failed++
						if err != broken {
							t.Errorf("it says %v", err)
						}
					}}
				if err := o.run(ctx); err != tt.err {
					t.Errorf("it ended with %v, want %v", err, tt.err)
				}
				if took := time.Since(begin); took != tt.want {
					t.Errorf("it ended after %v, want %v", took, tt.want)
				}
				if said != tt.said || failed != tt.fail {
					t.Errorf("it said %d times that it has stopped and %d times that it did not start, want %d and %d", said, failed, tt.said, tt.fail)
				}
			})
		})
	}
}
