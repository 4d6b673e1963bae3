package session

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func claims(on bool) wire.DeviceClaims { return wire.DeviceClaims{"firewall": on} }

// expectReports wants exactly these claims to have come to the controller.
func (b *bench) expectReports(when string, want ...wire.DeviceClaims) {
	b.t.Helper()
	b.state()
	if d := cmp.Diff(want, b.controller.reported()); d != "" {
		b.t.Errorf("%s: reports (-want +got):\n%s", when, d)
	}
}

func TestDeviceClaimsAreSentWhenTheyChange(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.expectReports("nothing is known of the device")
		if d := b.plane.last().Device; d != nil {
			t.Errorf("the gateways are to hear %v", d)
		}
		b.s.ReportDevice(claims(true))
		b.expectReports("first", claims(true))
		b.s.ReportDevice(claims(true))
		b.expectReports("the same")
		b.pass(time.Hour)
		b.expectReports("an hour later")
		b.s.ReportDevice(claims(false))
		b.expectReports("changed", claims(false))
		if d := cmp.Diff(claims(false), b.plane.last().Device); d != "" {
			t.Errorf("for the gateways (-want +got):\n%s", d)
		}
		b.controller.end(errDown)
		b.pass(10 * time.Second)
		b.expectReports("reconnected, and nothing has changed")
	})
}

func TestDeviceClaimsWaitForTheController(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.controller.set(func() { b.controller.down = true })
		b.controller.end(errDown)
		b.state()
		b.s.ReportDevice(claims(true))
		b.pass(30 * time.Second)
		b.s.ReportDevice(claims(false)) // only the newest counts
		b.expectReports("the controller is away")
		if n := b.controller.called("report"); n != 0 {
			t.Errorf("asked %d times without a control channel", n)
		}
		b.controller.set(func() { b.controller.down = false })
		b.pass(backoffMost)
		b.expectReports("it is back", claims(false))
	})
}

func TestDeviceClaimsAreTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.controller.set(func() { b.controller.report = &wire.Problem{Code: wire.CodeOverload, Title: "busy"} })
		b.s.ReportDevice(claims(true))
		b.pass(time.Minute)
		if n := b.controller.called("report"); n < 8 || n > 25 {
			t.Errorf("%d tries in a minute, want the control channel's back-off", n)
		}
		b.controller.set(func() { b.controller.report = nil })
		b.pass(backoffMost)
		b.expectReports("it works again", claims(true))
		// What the controller will never take is not pressed on it.
		b.controller.set(func() { b.controller.report = &wire.Problem{Code: wire.CodeNotFound, Title: "no such path"} })
		before := b.controller.called("report")
		b.s.ReportDevice(claims(false))
		b.pass(time.Minute)
		if n := b.controller.called("report") - before; n != 1 {
			t.Errorf("%d tries of what was refused for good", n)
		}
	})
}

func TestDeviceClaimsAtSignIn(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("").start()
		b.do(SignIn{Password: "tide"})
		b.expectReports("those of the sign-in are known")
		collected := wire.DeviceClaims{"hostname": "collected"}
		if d := cmp.Diff(collected, b.controller.signIns[0].Device); d != "" {
			t.Errorf("at the sign-in (-want +got):\n%s", d)
		}
		if d := cmp.Diff(collected, b.plane.last().Device); d != "" {
			t.Errorf("for the gateways (-want +got):\n%s", d)
		}
		b.s.ReportDevice(claims(true))
		b.expectReports("they differ from those of the sign-in", claims(true))
		b.do(SignOut{})
		b.s.ReportDevice(claims(false)) // found out before the sign-out
		b.expectReports("signed out")
		b.do(SignIn{Password: "tide"})
		b.expectReports("the sign-in has told them")
		if d := cmp.Diff(collected, b.controller.signIns[1].Device); d != "" {
			t.Errorf("at the second sign-in (-want +got):\n%s", d)
		}
		b.s.ReportDevice(claims(true))
		b.expectReports("another session", claims(true))
	})
}

// The device is looked at while somebody is signed in, and not otherwise.
func TestDeviceIsFollowedForASession(t *testing.T) {
	followed := func(t *testing.T, b *bench, when string, want bool) {
		t.Helper()
		b.state()
		if on, _ := b.posture.follows(); on != want {
			t.Errorf("%s: followed %t, want %t", when, on, want)
		}
	}
	bubble(t, func(t *testing.T, b *bench) {
		b.start()
		followed(t, b, "not enrolled", false)
		b.do(Enrol{Link: goodLink})
		followed(t, b, "enrolled and not signed in", false)
		b.do(SignIn{Password: "tide"})
		followed(t, b, "signed in", true)
		b.controller.set(func() { b.controller.down = true })
		b.controller.end(errDown)
		b.pass(time.Hour)
		followed(t, b, "the controller is away", true) // the gateways are told, too
		b.sleep(time.Hour)
		b.pass(wallCheck)
		if _, n := b.posture.follows(); n != 1 {
			t.Errorf("after a sleep it was told %d times, want once", n)
		}
		b.do(SignOut{})
		followed(t, b, "signed out", false)
		b.sleep(time.Hour)
		b.pass(wallCheck)
		if _, n := b.posture.follows(); n != 1 {
			t.Errorf("signed out, a sleep was told of")
		}
	})
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		followed(t, b, "signed in since the last run", true)
	})
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("").start()
		followed(t, b, "signed out in the last run", false)
	})
}

// New flows wait for claims that were declared just now, and for no longer than
// a second.
func TestFlowsWaitForDeclaredClaims(t *testing.T) {
	agent := []wire.Gather{{Name: "agent", Kind: wire.GatherProcess, Process: "agentd"}}
	with := func(more wire.DeviceClaims) wire.DeviceClaims {
		c := claims(true)
		maps.Copy(c, more)
		return c
	}
	for _, c := range []struct {
		name    string
		declare []wire.Gather
		reports []wire.DeviceClaims // after half a second
		before  bool                // new flows wait at first
		after   bool                // and after the reports
	}{
		{"nothing is declared", nil, nil, false, false},
		{"what is declared comes", agent, []wire.DeviceClaims{with(wire.DeviceClaims{"agent": true})}, true, false},
		{"what was gathered before comes late", agent, []wire.DeviceClaims{claims(false)}, true, true},
		{"and then what is declared", agent, []wire.DeviceClaims{claims(false), with(wire.DeviceClaims{"agent": false})}, true, false},
		{"it never comes", agent, nil, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("").start()
				b.s.ReportDevice(claims(true))
				b.controller.snapshot.Gather = c.declare
				b.do(SignIn{Password: "tide"})
				b.state()
				waits := func(when string, want bool) {
					t.Helper()
					if w := b.plane.last(); !w.Allowed || w.Gathering != want {
						t.Errorf("%s: allowed %v, gathering %v, want true and %v", when, w.Allowed, w.Gathering, want)
					}
				}
				waits("at first", c.before)
				b.pass(gatherTime / 2)
				waits("half a second later", c.before)
				for _, r := range c.reports {
					b.s.ReportDevice(r)
				}
				b.state()
				waits("after the reports", c.after)
				b.pass(gatherTime / 2)
				waits("after a second", false)
			})
		})
	}
}

// What an administrator declares is found out while somebody is signed in.
func TestDeclaredClaims(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		want := []wire.Gather{{Name: "agent", Kind: wire.GatherProcess, Process: "agentd"}}
		b.controller.snapshot.Gather = want
		b.enrolled("kept").start()
		if got, n := b.posture.last(); n != 1 || !cmp.Equal(got, want) {
			t.Fatalf("declared %v, %d times", got, n)
		}
		b.controller.end(errDown)
		b.pass(10 * time.Second)
		if _, n := b.posture.last(); n != 1 {
			t.Errorf("declared %d times for the same", n)
		}
		b.do(SignOut{})
		if got, n := b.posture.last(); n != 2 || got != nil {
			t.Errorf("signed out: declared %v, %d times", got, n)
		}
	})
}
