package session

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// notice is what a controller tells of data channels.
type notice struct {
	event string
	wire.ChannelNotice
}

// notify has the controller say something of data channels.
func (b *bench) notify(event string, site wire.SiteID) State {
	b.controller.set(func() {
		for _, ch := range b.controller.streams {
			ch <- notice{event, wire.ChannelNotice{Site: site}}
		}
	})
	return b.state()
}

// reports has the data plane report the channel to the lab.
func (b *bench) reports(f SiteFact) State {
	b.s.ReportDataplane(DataplaneFacts{Apps: listening(), Sites: map[wire.SiteID]SiteFact{"lab": f}})
	return b.state()
}

// counters are what the data plane is told of wishes: suspend, and of the lab
// wake and suspend.
func (b *bench) counters() [3]uint64 {
	w := b.plane.last()
	if len(w.Sites) == 0 {
		return [3]uint64{w.Suspend}
	}
	return [3]uint64{w.Suspend, w.Sites[0].Wake, w.Sites[0].Suspend}
}

// lastOf is the last event whose kind begins so.
func lastOf(s State, kinds ...string) string {
	text := ""
	for _, e := range s.Events {
		for _, k := range kinds {
			if e.Kind == k {
				text = e.Text
			}
		}
	}
	return text
}

func TestNoticesReachTheDataPlane(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		b.reports(SiteFact{State: Connected})
		expect := func(when string, want [3]uint64) {
			t.Helper()
			if got := b.counters(); got != want {
				t.Errorf("%s: suspend, wake and suspend of the lab are %v, want %v", when, got, want)
			}
		}
		expect("at first", [3]uint64{})
		b.notify(wire.EventWake, "lab")
		expect("woken", [3]uint64{0, 1, 0})
		b.notify(wire.EventWake, "elsewhere")
		b.notify(wire.EventSuspend, "elsewhere")
		expect("another site", [3]uint64{0, 1, 0})
		b.notify(wire.EventSuspend, "lab")
		expect("ordered for the lab", [3]uint64{0, 1, 1})
		b.notify(wire.EventSuspend, "")
		expect("ordered for all", [3]uint64{1, 1, 1})
		b.notify(wire.EventWake, "")
		expect("all woken", [3]uint64{1, 2, 1})
		b.do(Pause{})
		expect("paused", [3]uint64{2, 2, 1})
		applied := len(b.plane.applied)
		b.notify("unheard-of", "lab")
		b.tell(b.controller.snapshot)
		if n := len(b.plane.applied); n != applied {
			t.Errorf("nothing was said, and the data plane was told %d times", n-applied)
		}
		// A session that follows is told of no old wish as if it were new.
		b.do(SignOut{})
		if err := b.s.Do(context.Background(), Pause{}); err == nil {
			t.Error("paused with nobody signed in")
		}
		b.do(DismissPrompt{})
		b.do(SignIn{Password: "tide"})
		expect("signed in again", [3]uint64{2, 2, 1})
	})
}

// What had a channel suspended and resumed is told in words, and once.
func TestSuspensionsAreExplained(t *testing.T) {
	kinds := []string{"channel-suspended", "channel-resumed", "channel-connected", "channel-interrupted"}
	for _, row := range []struct {
		name  string
		first SiteFact // beside a connected channel
		ask   func(b *bench)
		then  SiteFact
		cause ChannelCause
		want  string
	}{
		{"idle", SiteFact{State: Connected}, nil, SiteFact{State: Suspended}, CauseIdle,
			"The data channel to Lab was suspended: nothing was using it"},
		{"idle with a quiet connection", SiteFact{State: Connected, Flows: 1}, nil, SiteFact{State: Suspended, Flows: 1, Parked: 1}, CauseIdle,
			"The data channel to Lab was suspended: its open connections were quiet, and rest"},
		{"an administrator", SiteFact{State: Connected}, func(b *bench) { b.notify(wire.EventSuspend, "") }, SiteFact{State: Suspended}, CauseAdministrator,
			"An administrator suspended the data channel to Lab; the next use resumes it"},
		{"an administrator, this site", SiteFact{State: Connected}, func(b *bench) { b.notify(wire.EventSuspend, "lab") }, SiteFact{State: Suspended}, CauseAdministrator,
			"An administrator suspended the data channel to Lab; the next use resumes it"},
		{"an administrator, another site", SiteFact{State: Connected}, func(b *bench) { b.notify(wire.EventSuspend, "elsewhere") }, SiteFact{State: Suspended}, CauseIdle,
			"The data channel to Lab was suspended: nothing was using it"},
		{"the user", SiteFact{State: Connected, Flows: 2}, func(b *bench) { b.do(Pause{}) }, SiteFact{State: Suspended, Flows: 2, Parked: 2}, CauseUser,
			"The data channel to Lab was suspended, as you asked; the next use resumes it"},
		{"woken", SiteFact{State: Suspended, Flows: 1, Parked: 1}, func(b *bench) { b.notify(wire.EventWake, "lab") }, SiteFact{State: Connected, Flows: 1}, CauseApplication,
			"The data channel to Lab was resumed because the application had something to say"},
		{"woken for nothing, and used later", SiteFact{State: Suspended}, func(b *bench) { b.notify(wire.EventWake, "lab"); b.pass(time.Hour) }, SiteFact{State: Connected}, CauseUsed,
			"The data channel to Lab was resumed"},
		{"used", SiteFact{State: Suspended}, nil, SiteFact{State: Connected}, CauseUsed, "The data channel to Lab was resumed"},
		{"could not be resumed", SiteFact{State: Connecting}, nil, SiteFact{State: Suspended, Problem: &wire.Problem{Code: wire.CodeAppUnreachable}}, CauseNone,
			"The data channel to Lab was suspended"},
		{"an administrator, while a carrier is looked for", SiteFact{State: Disconnected, Flows: 1, Parked: 1}, func(b *bench) { b.notify(wire.EventSuspend, "") }, SiteFact{State: Suspended, Flows: 1, Parked: 1}, CauseAdministrator,
			"An administrator suspended the data channel to Lab; the next use resumes it"},
		{"an administrator, long ago and for nothing", SiteFact{State: Disconnected}, func(b *bench) { b.notify(wire.EventSuspend, ""); b.pass(time.Hour) }, SiteFact{State: Suspended}, CauseIdle,
			"The data channel to Lab was suspended: nothing was using it"},
		{"the carrier is lost", SiteFact{State: Connected, Flows: 1}, nil, SiteFact{State: Disconnected, Flows: 1, Parked: 1}, CauseNone,
			"The data channel to Lab was interrupted; its open connections go on when it is back"},
		{"woken while open, and idle", SiteFact{State: Connected}, func(b *bench) { b.notify(wire.EventWake, "lab") }, SiteFact{State: Suspended}, CauseIdle,
			"The data channel to Lab was suspended: nothing was using it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.enrolled("kept").start()
				b.reports(SiteFact{State: Connected})
				b.reports(row.first)
				if row.ask != nil {
					row.ask(b)
				}
				s := b.reports(row.then)
				if got := s.Sites[0]; got.Cause != row.cause || got.Parked != row.then.Parked {
					t.Errorf("the site is %+v, want cause %q", got, row.cause)
				}
				if got := lastOf(s, kinds...); got != row.want {
					t.Errorf("told %q, want %q", got, row.want)
				}
				if again := b.reports(row.then); len(again.Events) != len(s.Events) {
					t.Errorf("told again: %q", lastOf(again, kinds...))
				}
			})
		})
	}
}

// A cause is that of one step, and of no later one.
func TestCausesPass(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		kinds := []string{"channel-suspended", "channel-resumed", "channel-connected"}
		expect := func(f SiteFact, cause ChannelCause, want string) {
			t.Helper()
			f.Since = time.Now()
			b.pass(time.Second)
			s := b.reports(f)
			if got := lastOf(s, kinds...); s.Sites[0].Cause != cause || got != want {
				t.Errorf("%v is by cause %q, told %q; want %q, %q", f.State, s.Sites[0].Cause, got, cause, want)
			}
		}
		const idle, resumed, ordered = "The data channel to Lab was suspended: nothing was using it", "The data channel to Lab was resumed", "An administrator suspended the data channel to Lab; the next use resumes it"
		woken := resumed + " because the application had something to say"
		expect(SiteFact{State: Connected}, CauseNone, "The data channel to Lab was opened")
		b.notify(wire.EventSuspend, "")
		expect(SiteFact{State: Suspended}, CauseAdministrator, ordered)
		expect(SiteFact{State: Connecting}, CauseUsed, ordered)
		expect(SiteFact{State: Connected}, CauseUsed, resumed)
		expect(SiteFact{State: Suspended}, CauseIdle, idle)
		b.notify(wire.EventSuspend, "") // there is nothing to suspend
		b.notify(wire.EventWake, "lab")
		expect(SiteFact{State: Connecting}, CauseApplication, idle)
		expect(SiteFact{State: Connected}, CauseApplication, woken)
		expect(SiteFact{State: Connecting}, CauseNone, woken)                               // the carrier is lost
		expect(SiteFact{State: Connected}, CauseNone, "The data channel to Lab was opened") // and found again
		b.notify(wire.EventSuspend, "")
		b.pass(time.Second)
		expect(SiteFact{State: Connected}, CauseNone, "The data channel to Lab was opened") // the two steps between were not reported
		expect(SiteFact{State: Suspended}, CauseIdle, idle)
		b.do(SignOut{})
		b.do(SignIn{Password: "tide"})
		expect(SiteFact{State: Connected}, CauseNone, "The data channel to Lab was opened")
	})
}

// A connection that was not made is explained by what it failed at.
func TestFailedConnections(t *testing.T) {
	for name, row := range map[string]struct {
		problem     wire.Problem
		title, rest string
	}{
		"the application": {wire.Problem{Code: wire.CodeAppUnreachable, Status: 504, Title: "The application does not answer", Detail: "wiki.corp:80"},
			"The application did not answer", "wiki.corp:80 Try again later, or tell whoever runs the application."},
		"the gateway": {wire.Problem{Code: wire.CodeAppUnreachable, Title: "The gateway gw1 does not answer", Detail: "Nothing came back from it at 192.0.2.1:8444."},
			"The gateway gw1 does not answer", "Nothing came back from it at 192.0.2.1:8444. Check your network, then open the application again."},
		"a suspension": {wire.Problem{Code: wire.CodeSuspended, Title: "The data channel was suspended just then"},
			"The data channel was suspended just then", "It was suspended by order while the application was being reached. Open the application again: that resumes it."},
	} {
		a := App{State: AppReady}
		a.explainFailure(&row.problem)
		if a.State != AppReady || a.Why.Title != row.title || a.Why.Detail+" "+a.Why.Fix != row.rest {
			t.Errorf("%s: %s, %+v", name, a.State, a.Why)
		}
	}
}

func TestRoutes(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		e := wire.EntitlementToken{Site: wire.Site{ID: "lab", Name: "Lab"}, Entitlements: []wire.Entitlement{
			{ID: "net", Actions: []wire.Action{
				{Effect: wire.EffectAllow, Protocol: wire.TCP, Hosts: []string{"wiki.corp", "10.1.0.0/16", "2001:db8::7", "dns://db.corp", "srv://_ldap._tcp.corp"}, Ports: []uint16{80, 443}},
				{Effect: wire.EffectExclude, Protocol: wire.TCP, Hosts: []string{"10.1.9.0/24"}, Ports: []uint16{80}},
				{Effect: wire.EffectBlock, Protocol: wire.TCP, Hosts: []string{"10.1.8.1"}, Ports: []uint16{80}},
				{Effect: wire.EffectAlert, Protocol: wire.TCP, Hosts: []string{"10.1.8.2"}, Ports: []uint16{80}},
				{Effect: "unheard-of", Protocol: wire.TCP, Hosts: []string{"10.1.8.3"}, Ports: []uint16{80}},
			}},
			{ID: "ping", Actions: []wire.Action{{Effect: wire.EffectAllow, Protocol: wire.ICMP, Hosts: []string{"10.1.2.3"}}}},
			{ID: "script", Actions: []wire.Action{{Effect: wire.EffectAllow, Protocol: wire.TCP, Script: "hosts", Ports: []uint16{22}}}},
			{ID: "names", Actions: []wire.Action{{Effect: wire.EffectAllow, Protocol: wire.UDP, Hosts: []string{"dns://ns.corp"}, Ports: []uint16{53}}}},
		}}
		e.Issued, e.Expires = jwt.NewNumericDate(time.Now()), jwt.NewNumericDate(time.Now().Add(time.Hour))
		token, err := wire.Sign(testKey(), "k", wire.TypeEntitlement, e)
		if err != nil {
			t.Fatal(err)
		}
		b.controller.snapshot.Tokens = map[wire.SiteID]string{"lab": token}
		b.enrolled("kept").start()
		want := []WantedRoute{
			{Site: "lab", Entitlement: "net", Protocol: wire.TCP, Hosts: []string{"wiki.corp", "10.1.0.0/16", "2001:db8::7"}, Ports: []uint16{80, 443}},
			{Site: "lab", Entitlement: "net", Protocol: wire.TCP, Hosts: []string{"10.1.9.0/24"}, Ports: []uint16{80}, Exclude: true},
			{Site: "lab", Entitlement: "net", Protocol: wire.TCP, Hosts: []string{"10.1.8.1"}, Ports: []uint16{80}, Refused: true},
			{Site: "lab", Entitlement: "net", Protocol: wire.TCP, Hosts: []string{"10.1.8.2"}, Ports: []uint16{80}, Refused: true},
			{Site: "lab", Entitlement: "ping", Protocol: wire.ICMP, Hosts: []string{"10.1.2.3"}},
		}
		b.state()
		if d := cmp.Diff(want, b.plane.last().Routes); d != "" {
			t.Errorf("routes (-want +got):\n%s", d)
		}
		b.do(SignOut{})
		if rs := b.plane.last().Routes; rs != nil {
			t.Errorf("signed out, there are %d routes", len(rs))
		}
	})
}

func TestLocalAccess(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		apps := listening()
		a := apps["wiki"]
		a.Synthetic = [2]netip.Addr{netip.MustParseAddr("100.100.0.7"), netip.MustParseAddr("fd7d::7")}
		a.Flows, a.Parked = 1, 1
		apps["wiki"] = a
		f := DataplaneFacts{Apps: apps, Sites: map[wire.SiteID]SiteFact{"lab": {State: Suspended, Flows: 1, Parked: 1}},
			Proxy: netip.MustParseAddrPort("127.0.0.1:1080"), TUN: true}
		b.s.ReportDataplane(f)
		s := b.state()
		if want := (Local{Proxy: f.Proxy, PAC: "http://127.0.0.1:1080/proxy.pac", TUN: true}); s.Local != want {
			t.Errorf("locally there is %+v, want %+v", s.Local, want)
		}
		w := b.app("wiki")
		if d := cmp.Diff([]netip.Addr{a.Synthetic[0], a.Synthetic[1]}, w.Addresses, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" || w.Parked != 1 {
			t.Errorf("the wiki has %d parked, and addresses (-want +got):\n%s", w.Parked, d)
		}
		if s.ZTA.Detail != "Wiki is open, and rests" || !s.ZTA.InUse {
			t.Errorf("of a connection that rests it says %q", s.ZTA.Detail)
		}
		f.TUN, f.Problem = false, &wire.Problem{Code: wire.CodeInternal, Title: "The helper does not answer", Detail: "No such file"}
		f.Sites = map[wire.SiteID]SiteFact{"lab": {State: Connected, Flows: 1, Lane: "h2"}}
		b.s.ReportDataplane(f)
		s = b.state()
		if as := b.app("wiki").Addresses; len(as) != 0 {
			t.Errorf("without a TUN, the wiki is at %v in it", as)
		}
		if p := s.Local.Problem; p == nil || p.Title != "The helper does not answer" || p.Detail != "No such file." || p.Fix == "" || s.Local.TUN {
			t.Errorf("without the helper there is %+v of it", p)
		}
		if s.Sites[0].Lane != "h2" || len(s.Problems) != 1 {
			t.Errorf("the site is %+v, the problems are %+v", s.Sites[0], s.Problems)
		}
		b.do(Acknowledge{Code: s.Problems[0].Code})
		if s = b.state(); len(s.Problems) != 0 || s.Local.Problem == nil {
			t.Errorf("put away, there are %+v, and locally %+v", s.Problems, s.Local)
		}
	})
}
