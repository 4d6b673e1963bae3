package notify

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/session"
)

func lockedScreen(s *session.State) { s.Locked = true }

func chose(n session.Notices) func(*session.State) {
	return func(s *session.State) { s.Choices.Notices = n }
}

// What is told of a run of states, when and in how many notices.
func TestPace(t *testing.T) {
	due := noon.Add(5 * time.Minute)
	over := &session.Problem{Title: "The VPN's server ended the connection", Fix: "Connect again."}
	hurts := session.VPNWarning{Title: "openvpn lets nothing out"}
	type step struct {
		after time.Duration
		state session.State
	}
	storm := func(every time.Duration) (steps []step) {
		s := with(fifty(session.AppInUse, 0))
		steps = append(steps, step{0, s})
		for i := range s.Apps {
			next := with(fifty(session.AppInUse, 0))
			for j := range i + 1 {
				next.Apps[j].State, next.Apps[j].Cut = session.AppBlocked, 1
			}
			steps = append(steps, step{every, next})
		}
		return steps
	}
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string // after what time, which title or which key is over
	}{
		{"one thing", []step{{0, base()}, {time.Minute, with(prompted("p", due, "pay"))}, {time.Hour, with(prompted("p", due, "pay"))}},
			[]string{"1m0.7s Verify to keep Payroll"}},
		{"over within a moment", []step{{0, base()}, {time.Minute, with(prompted("p", due, "pay"))}, {time.Second / 2, base()}}, nil},
		{"over later", []step{{0, base()}, {time.Minute, with(prompted("p", due, "pay"))}, {time.Minute, base()}},
			[]string{"1m0.7s Verify to keep Payroll", "2m0.7s prompt is over"}},
		{"a storm", storm(time.Millisecond), []string{"750ms 50 applications were cut off"}},
		{"a storm that lasts", storm(100 * time.Millisecond), []string{"3.1s 30 applications were cut off", "5.7s 20 applications were cut off"}},
		{"several things", []step{{0, with(inUse(0), office(session.VPNConnected, nil))},
			{time.Second, with(blocked(0), cut(0), office(session.VPNConnected, nil))},
			{time.Second / 2, with(blocked(0), cut(0), office(session.VPNDisconnected, over), warns(hurts))}},
			[]string{"2.2s Payroll was cut off. Also: The VPN Office has ended; openvpn lets nothing out."}},
		{"good news and bad", []step{{0, with(inUse(0), phase(session.ControlLost))}, {time.Second, with(blocked(0), cut(0))}},
			[]string{"1.7s Payroll was cut off. Also: The controller is reached again."}},
		{"under the lock", []step{{0, base()}, {time.Second, with(lockedScreen)}, {time.Second, with(lockedScreen, prompted("p", due, "pay"))}, {time.Hour, with(prompted("p", due, "pay"))}},
			[]string{"1h0m2.7s Verify to keep Payroll"}},
		{"come and gone under the lock", []step{{0, base()}, {time.Second, with(lockedScreen, prompted("p", due, "pay"))}, {time.Hour, with(lockedScreen)}, {time.Hour, base()}}, nil},
		{"locked within the moment", []step{{0, base()}, {time.Second, with(prompted("p", due, "pay"))}, {time.Second / 2, with(lockedScreen, prompted("p", due, "pay"))}, {time.Hour, with(prompted("p", due, "pay"))}},
			[]string{"1h0m2.2s Verify to keep Payroll"}},
		{"disconnected by hand, and it complained", []step{{0, with(office(session.VPNConnected, nil))}, {time.Second, with(inUse(0), office(session.VPNDisconnecting, nil))}, {time.Millisecond, with(office(session.VPNDisconnected, over))}}, nil},
		{"the same amid other things", []step{{0, with(inUse(0), office(session.VPNConnected, nil))}, {time.Second, with(blocked(0), cut(0), office(session.VPNConnected, nil))},
			{time.Millisecond, with(blocked(0), cut(0), office(session.VPNDisconnecting, nil))}, {time.Millisecond, with(blocked(0), cut(0), office(session.VPNDisconnected, over))}},
			[]string{"1.702s Payroll was cut off"}},
		{"connected again by hand", []step{{0, with(office(session.VPNConnected, nil))}, {time.Second, with(office(session.VPNDisconnected, over))}, {time.Minute, with(office(session.VPNSigningIn, nil))}},
			[]string{"1.7s The VPN Office has ended", "1m1.7s vpn-a is over"}},
		{"important ones alone", []step{{0, with(chose(session.NoticesImportant))}, {time.Second, with(chose(session.NoticesImportant), warns(hurts))},
			{time.Minute, with(chose(session.NoticesImportant), warns(hurts), prompted("p", due, "pay"))}},
			[]string{"1.7s vpn-warning is over", "1m1.7s Verify to keep Payroll"}},
		{"back is not important, but that it was gone is over", []step{{0, with(chose(session.NoticesImportant))}, {time.Second, with(chose(session.NoticesImportant), phase(session.ControlLost))},
			{time.Minute, with(chose(session.NoticesImportant))}},
			[]string{"1.7s The controller is not reached", "1m1.7s control is over"}},
		{"none", []step{{0, with(chose(session.NoticesNone))}, {time.Second, with(chose(session.NoticesNone), prompted("p", due, "pay"))}},
			[]string{"1.7s prompt is over"}},
		{"none, and then all", []step{{0, with(chose(session.NoticesNone))}, {time.Second, with(chose(session.NoticesNone), prompted("p", due, "pay"))}, {time.Minute, with(prompted("p", due, "pay"))}},
			[]string{"1.7s prompt is over"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				states, ended := make(chan session.State), make(chan struct{})
				began := time.Now()
				var got []string
				go func() {
					defer close(ended)
					var p pace
					p.follow(ctx, states, func(ns []Notice) {
						at := time.Since(began).String() + " "
						for len(ns) > 0 && ns[0].Over {
							got, ns = append(got, at+ns[0].Key+" is over"), ns[1:]
						}
						if len(ns) == 0 {
							return
						}
						n := bundle(ns)
						said := at + n.Title
						if _, also, ok := strings.Cut(n.Body, "Also: "); ok {
							said += ". Also: " + also
						}
						got = append(got, said)
					})
				}()
				for _, s := range tt.steps {
					time.Sleep(s.after)
					states <- s.state
				}
				time.Sleep(time.Minute)
				cancel()
				<-ended
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		})
	}
}
