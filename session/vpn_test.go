package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

// fakeClassic notes what it is told, and does none of it.
type fakeClassic struct {
	mu     sync.Mutex
	did    []string
	values [][]Secret
	guards []VPNGuard
	saved  VPNSettings
	err    error
}

func (f *fakeClassic) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fakeClassic) Save(s VPNSettings) error   { f.saved = s; return f.note("save %s", s.Address) }
func (f *fakeClassic) Remove(id string) error     { return f.note("remove %s", id) }
func (f *fakeClassic) Connect(id string) error    { return f.note("connect %s", id) }
func (f *fakeClassic) Disconnect(id string) error { return f.note("disconnect %s", id) }
func (f *fakeClassic) Cancel(prompt string) error { return f.note("cancel %s", prompt) }

func (f *fakeClassic) Answer(prompt string, values []Secret) error {
	f.values = append(f.values, values)
	return f.note("answer %s", prompt)
}

func (f *fakeClassic) Guard(g VPNGuard) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.guards = append(f.guards, g)
}

// took is what it was told to do since the last call.
func (f *fakeClassic) took() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.Join(f.did, ", ")
	f.did = nil
	return all
}

// beside puts the bench beside a fake that connects VPNs.
func (b *bench) beside() *fakeClassic {
	f := &fakeClassic{}
	b.classic = f
	return f
}

// report tells of one connection, Office, what change makes of it.
func (b *bench) report(change func(*VPNFacts, *VPNFact)) State {
	f := VPNFacts{Engine: "v9.01", Connections: []VPNFact{own("a", "Office", "")}}
	f.Connections[0].Protocol = VPNAnyConnect
	if change != nil {
		change(&f, &f.Connections[0])
	}
	b.s.ReportVPN(f)
	return b.state()
}

func inPhase(p VPNPhase) func(*VPNFacts, *VPNFact) {
	return func(_ *VPNFacts, c *VPNFact) { c.Phase = p }
}

func failedBy(code VPNFailureCode) func(*VPNFacts, *VPNFact) {
	return func(_ *VPNFacts, c *VPNFact) { c.Failure = &VPNFailure{Code: code, Detail: "fgets (stdin): Resource"} }
}

func formed(id string, change ...func(*VPNPrompt)) func(*VPNFacts, *VPNFact) {
	return func(f *VPNFacts, c *VPNFact) {
		c.Phase = VPNSigningIn
		f.Prompt = &VPNPrompt{ID: id, Connection: "a", Kind: VPNForm, Fields: []VPNField{{Kind: VPNPassword, Label: "Password:"},
			{Kind: VPNChoice, Label: "Group:", Choices: []string{"Staff", "Guests"}}}}
		for _, f2 := range change {
			f2(f.Prompt)
		}
	}
}

// vpnTold are the texts of the events about VPNs since the last call.
func (b *bench) vpnTold(seen *uint64) string {
	var texts []string
	for _, e := range b.state().Events {
		if e.Seq > *seen && strings.HasPrefix(e.Kind, "vpn-") {
			texts = append(texts, e.Kind+": "+e.Text)
		}
		*seen = max(*seen, e.Seq)
	}
	return strings.Join(texts, "\n")
}

func TestVPNEvents(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.beside()
		b.start()
		var seen uint64
		other := VPNOther{Program: "openvpn", VPNLink: VPNLink{Adapter: "tun0"}}
		nobodys := VPNOther{VPNLink: VPNLink{Adapter: "tun0"}}
		conflict := VPNConflict{Feature: VPNTrafficEnforcement, Adapter: "tun0", Harm: VPNHarmAll}
		for _, step := range []struct {
			change func(*VPNFacts, *VPNFact)
			want   string
		}{
			{nil, ""},
			{inPhase(VPNSigningIn), ""},
			{inPhase(VPNConnecting), ""},
			{inPhase(VPNConnected), "vpn-connected: The VPN Office was connected"},
			{func(_ *VPNFacts, c *VPNFact) { c.Phase, c.Up, c.Down = VPNConnected, 7, 9 }, ""},
			{inPhase(VPNReconnecting), "vpn-interrupted: The VPN Office was interrupted; reconnecting"},
			{inPhase(VPNConnected), "vpn-reconnected: The VPN Office is connected again"},
			{func(_ *VPNFacts, c *VPNFact) { c.Phase, c.Adapter = VPNDisconnecting, "tidev0" }, ""},
			{nil, "vpn-disconnected: The VPN Office was disconnected"},
			{inPhase(VPNConnected), "vpn-connected: The VPN Office was connected"},
			{nil, "vpn-disconnected: The VPN Office was disconnected"},
			{inPhase(VPNSigningIn), ""},
			{nil, "vpn-called-off: The VPN Office was not connected: it was called off"},
			{inPhase(VPNSigningIn), ""},
			{inPhase(VPNDisconnecting), ""},
			{nil, "vpn-called-off: The VPN Office was not connected: it was called off"},
			{inPhase(VPNSigningIn), ""},
			{failedBy(VPNRefused), "vpn-failed: The VPN Office was not connected: the VPN's server did not accept the sign-in"},
			{inPhase(VPNConnected), "vpn-connected: The VPN Office was connected"},
			{failedBy(VPNEnded), "vpn-ended: The VPN Office has ended: the VPN's server ended the connection"},
			{func(f *VPNFacts, _ *VPNFact) { f.Others = []VPNOther{other} }, "vpn-other: Another program's VPN came up: openvpn (adapter tun0)"},
			{func(f *VPNFacts, _ *VPNFact) { f.Others, f.Conflicts = []VPNOther{other}, []VPNConflict{conflict} },
				"vpn-warning: Nothing is let out but through openvpn (adapter tun0)"},
			{func(f *VPNFacts, _ *VPNFact) { f.Others = []VPNOther{other} }, "vpn-warning-over: Over: Nothing is let out but through openvpn (adapter tun0)"},
			{nil, "vpn-other-gone: Another program's VPN went: openvpn (adapter tun0)"},
			// Whose it is comes to be known later, and is forgotten.
			{func(f *VPNFacts, _ *VPNFact) { f.Others, f.Conflicts = []VPNOther{nobodys}, []VPNConflict{conflict} },
				"vpn-other: Another program's VPN came up: the VPN at adapter tun0\nvpn-warning: Nothing is let out but through the VPN at adapter tun0"},
			{func(f *VPNFacts, _ *VPNFact) { f.Others, f.Conflicts = []VPNOther{other}, []VPNConflict{conflict} }, ""},
			{func(f *VPNFacts, _ *VPNFact) { f.Others, f.Conflicts = []VPNOther{nobodys}, []VPNConflict{conflict} }, ""},
			{nil, "vpn-other-gone: Another program's VPN went: the VPN at adapter tun0\nvpn-warning-over: Over: Nothing is let out but through the VPN at adapter tun0"},
			{func(_ *VPNFacts, c *VPNFact) { c.Features = []VPNFeature{VPNIPv6} }, ""},
			{func(_ *VPNFacts, c *VPNFact) { c.Features, c.Phase = []VPNFeature{VPNIPv6}, VPNConnected },
				"vpn-connected: The VPN Office was connected\nvpn-warning: IPv6 policy of Office is not applied"},
			{func(_ *VPNFacts, c *VPNFact) { c.Features = []VPNFeature{VPNIPv6} }, "vpn-disconnected: The VPN Office was disconnected"},
		} {
			b.report(step.change)
			if got := b.vpnTold(&seen); got != step.want {
				t.Errorf("told %q, want %q", got, step.want)
			}
		}
	})
}

func TestVPNTitles(t *testing.T) {
	certificate := func(p *VPNPrompt) { p.Kind, p.Fields = VPNCertificate, nil }
	code := func(p *VPNPrompt) { p.Fields = []VPNField{{Kind: VPNCode}} }
	group := func(p *VPNPrompt) { p.Fields = p.Fields[1:] }
	busy := func(p *VPNPrompt) { p.Busy = true }
	others := func(p *VPNPrompt) { p.Connection = "b" }
	bubble(t, func(t *testing.T, b *bench) {
		b.beside()
		b.start()
		if v := b.state().VPN; v.Engine != (VPNEngine{}) {
			t.Errorf("before anything was heard there is %+v", v.Engine)
		}
		for _, tt := range []struct {
			change func(*VPNFacts, *VPNFact)
			want   string
		}{
			{nil, "Not connected"}, {inPhase(VPNSigningIn), "Signing in"}, {inPhase(VPNConnecting), "Connecting"}, {inPhase(VPNConnected), "Connected"},
			{inPhase(VPNReconnecting), "Reconnecting"}, {inPhase(VPNDisconnecting), "Disconnecting"}, {formed("1"), "Waiting for your password"},
			{formed("1", code), "Waiting for your code"}, {formed("1", group), "Waiting for your answer"}, {formed("1", certificate), "Waiting for you to check the server"},
			{formed("1", busy), "Signing in"}, {formed("1", others), "Signing in"},
		} {
			if got := b.report(tt.change).VPN.Connections[0].Title; got != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		}
		s := b.report(func(f *VPNFacts, c *VPNFact) {
			c.Protocol, c.Phase, c.Left = VPNF5, VPNConnected, []VPNLeft{{What: "10.0.0.0/8", Why: VPNLeftHere}}
		})
		if c := s.VPN.Connections[0]; !c.Untested || c.Problem == nil || c.Problem.Code != "vpn-left" {
			t.Errorf("there is %+v", c)
		}
		s = b.report(func(f *VPNFacts, c *VPNFact) {
			f.Engine, c.Left, c.Since, c.Adapter = "", []VPNLeft{{What: "10.0.0.0/8"}}, time.Now(), "tidev0"
		})
		if c := s.VPN.Connections[0]; c.Problem != nil || !c.Since.IsZero() || c.Adapter != "" || s.VPN.Engine.Problem == nil || s.VPN.Engine.Problem.Code != "vpn-no-engine" {
			t.Errorf("disconnected, there is %+v of %+v", c, s.VPN.Engine)
		}
		s = b.report(func(f *VPNFacts, _ *VPNFact) {
			f.Problem = &wire.Problem{Code: "no-helper", Title: "x", Detail: "none"}
		})
		if p := s.VPN.Engine.Problem; p == nil || p.Code != "vpn-no-helper" || !strings.Contains(p.Fix, "Set up beside Helper") {
			t.Errorf("without a helper it says %+v", p)
		}
		s = b.report(func(f *VPNFacts, _ *VPNFact) { f.Engine, f.Problem = "", &wire.Problem{Code: "no-helper"} })
		if p := s.VPN.Engine.Problem; p == nil || !strings.Contains(p.Fix, "package openconnect") || !strings.Contains(p.Fix, "Set up beside Helper") {
			t.Errorf("without both it says %+v", p)
		}
		s = b.report(func(f *VPNFacts, _ *VPNFact) {
			f.Problem = &wire.Problem{Code: "vpn-connections", Title: "Lost", Detail: "none"}
		})
		if p := s.VPN.Engine.Problem; p == nil || !p.Warning {
			t.Errorf("of a file that cannot be read it says %+v, and the rest can be connected", p)
		}
		s = b.report(func(f *VPNFacts, _ *VPNFact) { f.Problem = &wire.Problem{Code: "odd", Title: "Odd", Detail: "none"} })
		if p := s.VPN.Engine.Problem; p == nil || p.Code != "vpn-odd" || p.Title != "Odd" || p.Fix == "" {
			t.Errorf("it says %+v", p)
		}
	})
}

// A connection shows at once that it was begun, and not for long where nothing
// comes of it.
func TestVPNBegins(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		fake := b.beside()
		b.start()
		b.report(failedBy(VPNRefused))
		b.do(ConnectVPN{Connection: "a"})
		now := func() VPNConnection { return b.state().VPN.Connections[0] }
		if c := now(); c.Phase != VPNSigningIn || c.Problem != nil || c.Since.IsZero() || fake.took() != "connect a" {
			t.Errorf("begun, it is %+v", c)
		}
		b.report(failedBy(VPNRefused)) // of something else
		if c := now(); c.Phase != VPNSigningIn {
			t.Errorf("it is %+v", c)
		}
		b.report(inPhase(VPNSigningIn))
		b.report(failedBy(VPNRefused))
		if c := now(); c.Phase != VPNDisconnected || c.Problem == nil {
			t.Errorf("refused again, it is %+v", c)
		}
		b.do(ConnectVPN{Connection: "a"})
		b.pass(vpnBeginTime - time.Second)
		if c := now(); c.Phase != VPNSigningIn {
			t.Errorf("it is %+v", c)
		}
		b.pass(time.Second)
		if c := now(); c.Phase != VPNDisconnected || c.Problem == nil {
			t.Errorf("of what never began it says %+v", c)
		}
		b.do(ConnectVPN{Connection: "a"})
		b.do(DisconnectVPN{Connection: "a"})
		if c := now(); c.Phase != VPNDisconnected {
			t.Errorf("called off, it is %+v", c)
		}
		fake.err = errors.New("there is no such connection")
		if err := b.s.Do(context.Background(), ConnectVPN{Connection: "a"}); err == nil || now().Phase != VPNDisconnected {
			t.Errorf("refused (%v), it is %+v", err, now())
		}
	})
}

// The window comes up for what was asked for outside of it, and no notice for what
// the user waits for.
func TestVPNRaisesWindow(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.beside()
		b.start()
		seq := b.report(nil).Window.Seq
		raised := func(when string, s State, want bool) {
			t.Helper()
			if got := s.Window.Seq != seq; got != want || want && s.Window.Page != PageConnections {
				t.Errorf("%s: the window is %+v", when, s.Window)
			}
			seq = s.Window.Seq
		}
		b.do(ConnectVPN{Connection: "a"})
		s := b.report(formed("1"))
		raised("from the window, or the command line", s, false)
		if s.VPN.Prompt.Unawaited {
			t.Error("the user waits for it")
		}
		b.report(nil)
		b.do(ConnectVPN{Connection: "a", Raise: true})
		raised("begun", b.report(inPhase(VPNSigningIn)), false)
		raised("asked", b.report(formed("2")), true)
		raised("asked still", b.report(formed("2")), false)
		b.report(nil)
		b.do(ConnectVPN{Connection: "a", Raise: true})
		b.report(inPhase(VPNSigningIn))
		raised("refused", b.report(failedBy(VPNUnreachable)), true)
		b.do(ConnectVPN{Connection: "a", Raise: true})
		b.report(inPhase(VPNSigningIn))
		raised("connected", b.report(inPhase(VPNConnected)), false)
		raised("ended later", b.report(failedBy(VPNEnded)), false)
		b.pass(vpnAwaits + time.Second)
		s = b.report(formed("3"))
		raised("asked by itself", s, false)
		if !s.VPN.Prompt.Unawaited {
			t.Error("nobody waits for it")
		}
		b.do(AnswerVPNPrompt{Prompt: "3", Values: []Secret{"x", "Staff"}})
		if s = b.report(formed("4")); s.VPN.Prompt.Unawaited {
			t.Error("the user has just answered")
		}
	})
}

func TestVPNAnswers(t *testing.T) {
	const canary = "pass-canary"
	bubble(t, func(t *testing.T, b *bench) {
		fake := b.beside()
		b.start()
		b.report(formed("1"))
		refused := func(cmd Command, want string) {
			t.Helper()
			err := b.s.Do(context.Background(), cmd)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
				t.Errorf("it says %v, want %q", err, want)
			}
			if got := fake.took(); got != "" {
				t.Errorf("it did %s", got)
			}
		}
		refused(AnswerVPNPrompt{Prompt: "0", Values: []Secret{canary, "Staff"}}, "no longer asked")
		refused(AnswerVPNPrompt{Prompt: "1", Values: []Secret{canary}}, "all that is asked")
		refused(AnswerVPNPrompt{Prompt: "1", Values: []Secret{canary, "board"}}, "“Group”")
		refused(AnswerVPNPrompt{Prompt: "1", Values: []Secret{canary + "\nyes", "Staff"}}, "“Password” is more than one line")
		refused(AnswerVPNPrompt{Prompt: "1", Values: []Secret{Secret(strings.Repeat(canary, 100)), "Staff"}}, "too long")
		b.do(AnswerVPNPrompt{Prompt: "1", Values: []Secret{canary, "Staff"}})
		if got := fake.took(); got != "answer 1" || len(fake.values) != 1 || fake.values[0][0] != canary {
			t.Errorf("it did %s", got)
		}
		if p := b.state().VPN.Prompt; !p.Busy {
			t.Errorf("answered, it is %+v", p)
		}
		refused(AnswerVPNPrompt{Prompt: "1", Values: []Secret{canary, "Staff"}}, "one moment")
		if p := b.report(formed("1")).VPN.Prompt; !p.Busy {
			t.Errorf("nothing has come of it yet: %+v", p)
		}
		if p := b.report(formed("1", func(p *VPNPrompt) { p.Error = "Login failed." })).VPN.Prompt; p.Busy || p.Error == "" {
			t.Errorf("refused, it is %+v", p)
		}
		b.report(formed("2", func(p *VPNPrompt) { p.Kind, p.Fields = VPNCertificate, nil }))
		refused(AnswerVPNPrompt{Prompt: "2", Values: []Secret{canary}}, "all that is asked")
		b.do(AnswerVPNPrompt{Prompt: "2"})
		b.do(CancelVPNPrompt{Prompt: "1"})
		b.do(CancelVPNPrompt{Prompt: "2"})
		if got := fake.took(); got != "answer 2, cancel 2" {
			t.Errorf("it did %s", got)
		}
		state, err := json.Marshal(b.state())
		if err != nil || strings.Contains(string(state), canary) || strings.Contains(fmt.Sprintf("%+v %#v", b.state(), fake.values), canary) {
			t.Errorf("the password shows (%v)", err)
		}
	})
}

func TestVPNWithoutClassic(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.start()
		if err := b.s.Do(context.Background(), ConnectVPN{Connection: "a"}); err == nil {
			t.Error("it connects")
		}
		if v := b.state().VPN; v.Engine != (VPNEngine{}) || v.Connections != nil {
			t.Errorf("there is %+v", v)
		}
	})
}

// A VPN lives on through sign-out, and ends with Tidegate.
func TestVPNOutlivesSession(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		fake := b.beside()
		b.enrolled("kept").start()
		b.report(inPhase(VPNConnected))
		b.do(SignOut{})
		if s := b.state(); s.VPN.Connections[0].Phase != VPNConnected || fake.took() != "" {
			t.Errorf("signed out, it is %+v", s.VPN)
		}
		b.do(Quit{})
		if got := fake.took(); got != "disconnect a" {
			t.Errorf("at the end it did %q", got)
		}
	})
}

func TestVPNGuard(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		fake := b.beside()
		b.enrolled("kept").start()
		want := VPNGuard{Zones: []string{"bastion.corp", "pay.corp", "wiki.corp"}, Underlay: []string{"zta.example:8443", "gw.example:8444"}}
		last := func() VPNGuard { return fake.guards[len(fake.guards)-1] }
		if diff := cmp.Diff(want, last()); diff != "" {
			t.Errorf("signed in (-want +got):\n%s", diff)
		}
		n := len(fake.guards)
		b.report(inPhase(VPNConnected))
		b.pass(time.Hour)
		if len(fake.guards) != n {
			t.Errorf("it was told %d times more", len(fake.guards)-n)
		}
		b.do(SignOut{})
		if diff := cmp.Diff(VPNGuard{Underlay: []string{"zta.example:8443"}}, last()); diff != "" {
			t.Errorf("signed out (-want +got):\n%s", diff)
		}
	})
}

func TestZones(t *testing.T) {
	f := &facts{routes: []WantedRoute{
		{Hosts: []string{"*.corp.example", "wiki.corp.example", "WIKI.lab.example.", "10.0.0.0/8", "192.0.2.1"}},
		{Hosts: []string{"secret.example"}, Exclude: true}, {Hosts: []string{"blocked.example"}, Refused: true}, {Hosts: []string{"a*b"}},
	}, catalog: []App{{Host: "wiki.lab.example"}, {Host: "xcorp.example"}}}
	want := VPNGuard{Zones: []string{"blocked.example", "corp.example", "wiki.lab.example", "xcorp.example"}}
	if diff := cmp.Diff(want, deriveGuard(f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, host := range []string{"2001:db8::1", "2001:db8::/32"} {
		if g := deriveGuard(&facts{routes: []WantedRoute{{Hosts: []string{host}}}}); !g.IPv6 || g.Zones != nil {
			t.Errorf("%s: %+v", host, g)
		}
	}
	if g := deriveGuard(&facts{catalog: []App{{Host: netip.MustParseAddr("::ffff:10.0.0.1").String()}}}); g.IPv6 {
		t.Errorf("IPv4 is taken for IPv6: %+v", g)
	}
}

// A warning that stood, and ended, is not news when it comes again.
func TestWarningsAgain(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.beside()
		b.start()
		harm := func(f *VPNFacts, _ *VPNFact) {
			f.Conflicts = []VPNConflict{{Feature: VPNIPv6, Adapter: "tun0", Harm: VPNHarmIPv6}}
		}
		for i, want := range []bool{false, true} {
			for range 2 {
				if w := b.report(harm).VPN.Warnings; len(w) != 1 || w[0].Again != want {
					t.Errorf("the %d. time it is %+v", i, w)
				}
			}
			if w := b.report(nil).VPN.Warnings; len(w) != 0 {
				t.Errorf("over, it is %+v", w)
			}
		}
	})
}
