package tunnel

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

var code = wire.Interaction{Kind: wire.InteractionMFA, Message: "Enter a code"}

// allowFor makes a verdict that allows until then, by the gateway's clock.
func (s *sim) allowFor(d time.Duration) wire.Verdict {
	v := allow
	v.NotAfter = time.Now().Add(s.gw.skew + d)
	v.Interactions = []wire.Interaction{code}
	return v
}

// The gateway of this test is an hour ahead and never resets a flow itself:
// the client keeps the lease on its own.
func TestLeaseEnds(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.skew = time.Hour
		s.gw.judge(s.allowFor(time.Minute))
		c := s.open()
		ping(t, c, "hello")
		f := s.until("verdicts", func(f session.DataplaneFacts) bool { return len(f.Sites["site"].Verdicts) == 1 })
		if o := f.Sites["site"].Offset; o > time.Hour || o < time.Hour-rtt {
			t.Errorf("offset %v", o)
		}
		time.Sleep(50 * time.Second)
		s.gw.judge(s.allowFor(time.Minute)) // extended in time
		extended := time.Now()
		time.Sleep(50 * time.Second)
		ping(t, c, "goes on")
		wantReset(t, c)
		took := time.Since(extended)
		if want := time.Minute + leaseGrace; took < want || took > want+rtt {
			t.Errorf("reset after %v, want %v", took, want)
		}
		f = s.until("the cut", func(f session.DataplaneFacts) bool { return f.Apps["app"].Cut == 1 })
		p := f.Apps["app"].Problem
		if p == nil || p.Code != wire.CodeDenied || p.Verdict.Allow || len(p.Verdict.Interactions) != 1 || len(f.Sites["site"].Verdicts) != 0 {
			t.Errorf("problem %+v, verdicts %v", p, f.Sites["site"].Verdicts)
		}
	})
}

func TestLeaseEndsWhileQuiet(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.judge(s.allowFor(8 * time.Hour))
		c := s.open()
		ping(t, c, "hello")
		time.Sleep(7 * time.Hour)
		s.state(session.Suspended)
		time.Sleep(56 * time.Minute)
		s.state(session.Connected) // for what might extend it
		wantReset(t, c)
		s.until("the cut", func(f session.DataplaneFacts) bool { return f.Apps["app"].Cut == 1 })
	})
}

// While the machine sleeps its timers stand still, and the lease does not.
func TestLeaseEndsWhileTheMachineSleeps(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.judge(s.allowFor(time.Hour))
		c := s.open()
		ping(t, c, "hello")
		s.until("the lease", func(f session.DataplaneFacts) bool { return !f.Sites["site"].Verdicts["e1"].NotAfter.IsZero() })
		s.sleep(8 * time.Hour)
		awake := time.Now()
		wantReset(t, c)
		if took := time.Since(awake); took > clockCheck {
			t.Errorf("reset %v after waking", took)
		}
		s.until("the cut", func(f session.DataplaneFacts) bool { return f.Apps["app"].Cut == 1 })
	})
}

func TestDenialCutsAtOnce(t *testing.T) {
	for name, verdicts := range map[string][]wire.Verdict{
		"denied":    {deny(code)},
		"not named": nil,
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				c, other := s.open(), s.open()
				ping(t, c, "hello")
				ping(t, other, "hello")
				start := time.Now()
				s.gw.judge(verdicts...)
				wantReset(t, c)
				wantReset(t, other)
				if took := time.Since(start); took > rtt {
					t.Errorf("cut after %v", took)
				}
				f := s.until("the cuts", func(f session.DataplaneFacts) bool { return f.Apps["app"].Cut == 2 })
				if p := f.Apps["app"].Problem; p == nil || p.Code != wire.CodeDenied || p.Verdict == nil {
					t.Errorf("problem %+v", p)
				}
				s.gw.judge(allow)
				s.until("no problem once it is allowed", func(f session.DataplaneFacts) bool { return f.Apps["app"].Problem == nil })
			})
		})
	}
}

// The gateway's reset may come before its verdict: it is a cut all the same.
func TestResetBeforeVerdictIsACut(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		s.gw.cut()
		wantReset(t, c)
		time.Sleep(time.Second)
		s.gw.judge(deny(code))
		s.until("the cut", func(f session.DataplaneFacts) bool { return f.Apps["app"].Cut == 1 && f.Apps["app"].Problem != nil })
		time.Sleep(time.Minute)
		s.gw.judge(deny())
		if n := s.now().Apps["app"].Cut; n != 1 {
			t.Errorf("%d cuts of one flow", n)
		}
	})
}

// A flow that is cut while it is parked is reset when the channel resumes, and the
// verdict says why.
func TestCutWhileParkedLearnsWhy(t *testing.T) {
	for name, known := range map[string]bool{"by a reset that waits": true, "by a verdict": false} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				c := s.open()
				ping(t, c, "hello")
				time.Sleep(6 * time.Minute)
				s.state(session.Suspended)
				if known {
					s.gw.cut()
				} else {
					s.gw.judge(deny(code))
				}
				time.Sleep(time.Minute)
				s.wake(1)
				wantReset(t, c)
				s.gw.judge(deny(code))
				s.until("the denial", func(f session.DataplaneFacts) bool {
					v := f.Sites["site"].Verdicts
					return f.Apps["app"].Cut == 1 && v["e1"].Decision == "d-deny"
				})
				time.Sleep(6 * time.Minute)
				s.state(session.Suspended)
				if n := s.during(time.Hour); n != 0 {
					t.Errorf("%d packets after the suspension", n)
				}
				if n := s.gw.left(); n != 0 && known {
					t.Errorf("the gateway has %d flows", n)
				}
			})
		})
	}
}

func TestRefusedFlowIsReset(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.judge(deny())
		c := s.open()
		io.WriteString(c, "early")
		wantReset(t, c)
		f := s.until("the reason", func(f session.DataplaneFacts) bool { return f.Apps["app"].Problem != nil })
		if p := f.Apps["app"].Problem; p.Code != wire.CodeDenied || p.Verdict.Reason.Kind != wire.ReasonMFA {
			t.Errorf("problem %+v", p)
		}
	})
}

func TestHeldFlowIsCured(t *testing.T) {
	for name, size := range map[string]int{"nothing sent": 0, "a little": 21, "more than is kept": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				s.gw.judge(deny(code))
				c := s.open()
				sent := bytes.Repeat([]byte("0123456"), size/7)
				go func() { // an application that speaks first
					c.Write(sent)
					c.CloseWrite()
				}()
				time.Sleep(90 * time.Second)
				f := s.now()
				if a := f.Apps["app"]; a.Waiting != 1 || a.Flows != 0 || a.Problem == nil {
					t.Errorf("while held: %+v", a)
				}
				s.gw.judge(allow)
				start := time.Now()
				got, err := io.ReadAll(c)
				if err != nil || !bytes.Equal(got, sent) {
					t.Fatalf("%d bytes came back, %v; want %d", len(got), err, len(sent))
				}
				if took := time.Since(start); size < 1000 && took > 2*rtt {
					t.Errorf("went on after %v", took)
				}
				f = s.until("its end", func(f session.DataplaneFacts) bool { return f.Apps["app"].Waiting == 0 })
				if a := f.Apps["app"]; a.Problem != nil || a.Cut != 0 {
					t.Errorf("afterwards: %+v", a)
				}
			})
		})
	}
}

func TestHeldFlowEnds(t *testing.T) {
	for _, step := range []struct {
		name string
		end  func(t *testing.T, s *sim, c *memoryConn)
		max  time.Duration
	}{
		{"patience", func(*testing.T, *sim, *memoryConn) {}, 2*time.Minute + rtt},
		{"no cure any more", func(_ *testing.T, s *sim, _ *memoryConn) { s.gw.judge(deny()) }, rtt},
		{"application reset", func(_ *testing.T, _ *sim, c *memoryConn) { reset(c) }, rtt},
		{"application killed", func(_ *testing.T, _ *sim, c *memoryConn) { c.abandon() }, time.Second + rtt},
		{"session ended", func(_ *testing.T, s *sim, _ *memoryConn) { s.Apply(session.Wanted{}) }, rtt},
	} {
		t.Run(step.name, func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				s.gw.judge(deny(code))
				c := s.open()
				io.WriteString(c, "early")
				s.until("held", func(f session.DataplaneFacts) bool { return f.Apps["app"].Waiting == 1 })
				start := time.Now()
				step.end(t, s, c)
				s.until("released", func(f session.DataplaneFacts) bool { return f.Apps["app"].Waiting == 0 })
				if took := time.Since(start); took > step.max+2*reportGap {
					t.Errorf("ended after %v", took)
				}
			})
		})
	}
}

// While held an application may have ended its direction: it still waits.
func TestHeldHalfClosedFlowStays(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.gw.judge(deny(code))
		c := s.open()
		io.WriteString(c, "request")
		c.CloseWrite()
		time.Sleep(time.Minute)
		s.gw.judge(allow)
		if got, err := io.ReadAll(c); err != nil || string(got) != "request" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

// Another entitlement than the application's may be what opened its flow; the
// decision in the answer says which.
func TestFlowFollowsItsDecision(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		p := newPlane(New(Options{}))
		c := newChannel(p, session.WantedSite{ID: "site"})
		f := &flow{p: p, ch: c, app: &application{p: p}, phase: flowTrying, entitlement: "e1"}
		f.opened(newLink(wire.Gateway{}), "d2")
		c.verdicts = map[wire.EntitlementID]wire.Verdict{
			"e1": {Entitlement: "e1", Decision: "d1"},
			"e2": {Entitlement: "e2", Decision: "d2", Allow: true},
		}
		c.enforce(f)
		if f.entitlement != "e2" || f.phase != flowOpen {
			t.Errorf("attributed to %s, phase %v", f.entitlement, f.phase)
		}
	})
}

func FuzzDecodeVerdicts(f *testing.F) {
	f.Add([]byte(`{"revision":1,"at":"2026-01-02T03:04:05Z","verdicts":[{"entitlement":"e1","allow":true,"decision":"d"}]}`))
	f.Add([]byte(`{"title":"over","type":"tag:tidegate.org,2026:revoked"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := decodeVerdicts(b); err == nil && v.At.IsZero() {
			t.Error("verdicts without a clock")
		}
		if p := decodeEnded(b); p.Title == "" {
			t.Error("an end without a title")
		}
	})
}
