package virtual_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/lab/virtual"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// monday is the first of the bubble's.
const monday = 2 * 24 * time.Hour

func clock(hours, minutes int) time.Duration {
	return monday + time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
}

// asked says whether the client asks the user something.
func asked(l *virtual.Lab) *session.Prompt {
	if p := l.Client.State().Prompt; p != nil && p.Kind == session.PromptInteraction {
		return p
	}
	return nil
}

// TestManualMFA is seed 003's worked example of a periodic reevaluation: a code
// within 60 minutes, on the quarters, on default settings.
func TestManualMFA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := signedIn(t, virtual.Options{Starts: clock(14, 0), Resources: policy(guarded{name: "code",
			criteria: `within(responses.mfa, duration("60m"))`, more: "interactions: [{kind: mfa}]\n  reevaluate: {every: 15m}"})})
		until := func(hours, minutes int) {
			t.Helper()
			if at := l.Client.App("code").Until; !near(at, clock(hours, minutes)) {
				t.Errorf("access is until %v, want %02d:%02d", at, hours, minutes)
			}
		}
		if asked(l) != nil {
			t.Error("the user is asked for what was not used")
		}
		l.Until(clock(14, 32))
		f := l.Client.Use("code")
		if asked(l) == nil {
			t.Fatal("the user is not asked for a code")
		}
		l.Client.Answer() // stamped 14:45
		if err := f.Echo(); err != nil {
			t.Fatalf("the flow that waited: %v", err)
		}
		until(15, 45)

		l.Until(clock(15, 40) - time.Second)
		if p := asked(l); p != nil {
			t.Errorf("the user is asked before 15:40: %+v", p)
		}
		l.Until(clock(15, 40) + time.Second)
		if p := asked(l); p == nil || !near(p.Deadline, clock(15, 45)) {
			t.Fatalf("at 15:40 the prompt is %+v", p)
		}
		l.Client.Answer() // stamped 15:45
		until(16, 45)
		if p := asked(l); p != nil {
			t.Errorf("the user is asked after the answer: %+v", p)
		}

		l.Until(clock(16, 40) - time.Second)
		if p := asked(l); p != nil {
			t.Errorf("the user is asked before 16:40: %+v", p)
		}
		l.Until(clock(16, 40) + time.Second)
		if p := asked(l); p == nil || !near(p.Deadline, clock(16, 45)) {
			t.Fatalf("at 16:40 the prompt is %+v", p)
		}
		l.Until(clock(16, 45) - 2*time.Second)
		if err := f.Ping(); err != nil {
			t.Errorf("before 16:45: %v", err)
		}
		l.Until(clock(16, 45) + 5*time.Second)
		expectReset(t, f, clock(16, 45))
		if p := asked(l); p == nil {
			t.Error("the prompt that was missed is gone")
		}
	})
}

// near says whether got is an instant, or so soon after it as a packet arrives.
func near(got time.Time, at time.Duration) bool {
	late := got.Sub(virtual.At(at))
	return late >= 0 && late <= 20*time.Millisecond
}

// expectReset wants a flow reset at an instant.
func expectReset(t *testing.T, f *virtual.Flow, at time.Duration) {
	t.Helper()
	if got := f.Reset(); !near(got, at) {
		t.Errorf("the flow was reset at %v, want %v", got, virtual.At(at))
	}
}

// TestManualOfficeHours is seed 003's worked example of a time of day: from 08:30
// to 17:00, with a reevaluation at 17:01.
func TestManualOfficeHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := signedIn(t, virtual.Options{Starts: clock(8, 0), Resources: policy(guarded{name: open,
			criteria: `during("Mon-Fri", "08:30", "17:00")`, more: `reevaluate: {at: ["17:01"]}`})})
		before := l.Client.Use("open")
		if before.Echo() == nil {
			t.Error("a flow was let at 08:00")
		}
		l.Until(clock(8, 30) + time.Second)
		f := l.Client.Use("open")
		if err := f.Echo(); err != nil {
			t.Fatalf("at 08:30: %v", err)
		}
		if at := l.Client.App("open").Until; !near(at, clock(17, 0)) {
			t.Errorf("access is until %v", at)
		}
		l.Until(clock(17, 0) - 2*time.Second)
		if err := f.Ping(); err != nil {
			t.Errorf("before 17:00: %v", err)
		}
		l.Until(clock(17, 0) + 30*time.Second)
		expectReset(t, f, clock(17, 0))
		if p := asked(l); p != nil {
			t.Errorf("the user is asked what cannot help: %+v", p)
		}

		seen := len(l.Audit())
		l.Until(clock(17, 1) + 2*time.Second)
		o := observation{records: l.Audit()[seen:]}
		got := o.kind("verdict")
		if len(got) != 1 || got[0].Trigger != wire.TriggerAtTime || got[0].Allow || !near(got[0].At, clock(17, 1)) {
			t.Errorf("at 17:01, verdicts were%s", list(got))
		}
		if l.Client.Use("open").Echo() == nil {
			t.Error("access was regained at 17:01")
		}
	})
}
