package session

import (
	"context"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// While the machine sleeps no timer runs and the monotonic clock stands still:
// what is judged then is judged by the wall clock.
func TestSleepLongerThanTheRideThrough(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.expectPhase(ControlEstablished)
		b.controller.set(func() { b.controller.down = true })
		b.sleep(8 * time.Hour)
		s := b.pass(wallCheck) // the connection is not known to be dead, and counts for nothing
		if s.ZTA.Active || s.ZTA.Allowed || b.plane.last().Allowed {
			t.Fatalf("after eight hours asleep: %s, %+v", s.Control.Phase, s.ZTA)
		}
		if s.Control.Phase != ControlConnecting {
			t.Errorf("it says at once that the controller is %s", s.Control.Phase)
		}
		b.controller.set(func() { b.controller.down = false })
		if s := b.pass(time.Second); s.Control.Phase != ControlEstablished || s.Prompt != nil {
			t.Fatalf("awake: %s, prompt %+v", s.Control.Phase, s.Prompt)
		}
	})
}

func TestSleepWithinTheRideThrough(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.controller.set(func() { b.controller.down = true })
		b.sleep(30 * time.Second)
		if s := b.pass(wallCheck); s.Control.Phase != ControlReconnecting || !s.ZTA.Allowed {
			t.Fatalf("after half a minute asleep: %s", s.Control.Phase)
		}
		if s := b.pass(30 * time.Second); s.Control.Phase != ControlLost || s.ZTA.Allowed {
			t.Fatalf("the ride-through counts from before the sleep: %s", s.Control.Phase)
		}
	})
}

func TestSleepDuringTheRideThrough(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.controller.set(func() { b.controller.down = true })
		b.controller.end(errDown)
		b.expectPhase(ControlReconnecting)
		b.sleep(time.Hour)
		if s := b.pass(wallCheck); s.ZTA.Allowed || b.plane.last().Allowed {
			t.Fatalf("after an hour asleep: %s", s.Control.Phase)
		}
	})
}

func TestRideThroughEndsByEitherClock(t *testing.T) {
	f := &facts{enrolled: Enrolled{Enrolment: Enrolment{Device: "d1"}}, identity: Identity{Key: testKey()}, cookie: "kept",
		snapshot: &wire.Snapshot{Settings: wire.DefaultSettings()}}
	lost := time.Now()
	f.control = controlFact{ever: true, lost: lost}
	for _, c := range []struct {
		name string
		now  time.Time
		want ControlPhase
	}{
		{"within, both clocks", lost.Add(59 * time.Second), ControlReconnecting},
		{"over, both clocks", lost.Add(time.Minute), ControlLost},
		{"within, the wall clock alone", lost.Round(0).Add(59 * time.Second), ControlReconnecting},
		{"over, the wall clock alone", lost.Round(0).Add(time.Minute), ControlLost},
	} {
		if s := derive(f, &intent{}, &wake{now: c.now}); s.Control.Phase != c.want {
			t.Errorf("%s: %s, want %s", c.name, s.Control.Phase, c.want)
		}
	}
}

// A session that has expired allows nothing more, however long the ride-through.
func TestSessionExpiresWhileTheControllerIsAway(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.controller.snapshot.Settings.RideThrough = wire.Duration(48 * time.Hour)
		b.controller.snapshot.At = time.Now().Add(time.Hour) // its clock is an hour ahead
		b.controller.snapshot.Expires = b.controller.snapshot.At.Add(2 * time.Hour)
		b.enrolled("kept").start()
		b.controller.set(func() { b.controller.down = true })
		b.controller.end(errDown)
		if s := b.pass(2*time.Hour - 1); !s.ZTA.Allowed {
			t.Fatalf("before its end: %s", s.Control.Phase)
		}
		if s := b.pass(1); s.ZTA.Allowed || b.plane.last().Allowed {
			t.Fatalf("after its end: %s", s.Control.Phase)
		}
	})
}

// What the controller told by our clock of before is told anew by that of now.
func TestClockIsSetBack(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		end := time.Now().Add(8 * time.Hour)
		b.controller.snapshot.At, b.controller.snapshot.Expires = time.Now(), end
		b.enrolled("kept").start()
		b.expectPhase(ControlEstablished)
		b.sleep(-3 * time.Hour)
		b.controller.set(func() { b.controller.snapshot.At = time.Now().Add(wallCheck) })
		if s := b.pass(wallCheck); !s.ZTA.Allowed {
			t.Errorf("at once: %s, %+v", s.Control.Phase, s.ZTA)
		}
		s := b.pass(time.Second)
		if left := s.User.Expires.Sub(b.s.now()); s.Control.Phase != ControlEstablished || (left-time.Until(end)).Abs() > time.Second {
			t.Errorf("%s: the session is said to last %v, and lasts %v", s.Control.Phase, left, time.Until(end))
		}
	})
}

// Who is not enrolled, or signed out, has nothing that a sleep ends, and is left asleep.
func TestRestWithoutSession(t *testing.T) {
	rests := func(t *testing.T, b *bench, who string) {
		b.state()
		before := b.looks.Load()
		b.pass(time.Hour)
		if n := b.looks.Load() - before; n > 0 {
			t.Errorf("%s: in an hour of rest it looked at the clock %d times", who, n)
		}
	}
	bubble(t, func(t *testing.T, b *bench) {
		b.start()
		rests(t, b, "not enrolled")
	})
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("").start()
		rests(t, b, "signed out")
	})
}

// Where the system tells that the clock has made a step, that is acted on at once,
// and whoever is signed in is left asleep but for a look now and then.
func TestClockSet(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		set := make(chan struct{}, 1)
		b.clockSet = func(ctx context.Context) (<-chan struct{}, <-chan struct{}) { return set, ctx.Done() }
		b.enrolled("kept").start()
		b.expectPhase(ControlEstablished)
		before := b.looks.Load()
		b.pass(time.Hour)
		if n := b.looks.Load() - before; n > 100 {
			t.Errorf("in an hour it looked at the clock %d times", n)
		}
		b.controller.set(func() { b.controller.down = true })
		b.sleep(8 * time.Hour)
		set <- struct{}{}
		if s := b.state(); s.ZTA.Allowed || s.Control.Phase != ControlConnecting {
			t.Fatalf("after eight hours asleep: %s, %+v", s.Control.Phase, s.ZTA)
		}
	})
}
