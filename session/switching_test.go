package session

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/internal/wire"
)

// There is one history of all enrolments, and it says what is of which.
func TestWhoseHistory(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		enrolledTwice(t, b)
		b.second()
		b.closed()
		b.s.ReportDataplane(DataplaneFacts{Change: b.plane.last().Change, Sites: site(Connected)})
		b.do(SwitchEnrolment{"d1"})
		b.closed()
		b.do(SwitchEnrolment{"d2"})
		b.closed()
		b.expectPhase(ControlEstablished)
		b.do(ForgetEnrolment{"d2"})
		b.closed()
		b.do(ForgetEnrolment{"d1"})
		var got []string
		for _, e := range b.state().Events {
			got = append(got, e.Kind+" "+e.Of)
			if (e.Of == "") != (e.User == "") {
				t.Errorf("of %q, for %q: %s", e.Of, e.User, e.Text)
			}
			if e.Topic() == TopicAccess && e.Of == "" {
				t.Errorf("nobody's: %s", e.Text)
			}
		}
		for _, want := range []string{"started ", "signed-in Example", "control-established Example", "enrolled Other", "signed-in Other", "channel-connected Other",
			"switched Example", "switched Other", "forgotten Other", "signed-out Other", "forgotten Example", "signed-out Example"} {
			i := slices.Index(got, want)
			if i < 0 {
				t.Fatalf("no %q in %q", want, got)
			}
		}
		for _, never := range []string{"channel-connected Example", "enrolled Example", "started Example"} {
			if slices.Contains(got, never) {
				t.Errorf("%q in %q", never, got)
			}
		}
	})
}

// What is of another controller than the active one says so, once.
func TestSentence(t *testing.T) {
	e := Event{Seq: 1, Text: "The controller was lost; reconnecting", Of: "Example"}
	lena, maya := Enrolment{Name: "Example", User: "lena"}, Enrolment{Name: "Example", User: "maya"}
	mayas := e
	mayas.User = "maya"
	for _, tt := range []struct {
		e      Event
		active Enrolment
		all    []Enrolment
		want   string
	}{
		{e, Enrolment{Name: "Example"}, nil, e.Text},
		{e, Enrolment{Name: "Other"}, nil, e.Text + " (Example)"},
		{e, Enrolment{}, nil, e.Text + " (Example)"},
		{Event{Text: "Tidegate started"}, Enrolment{Name: "Other"}, nil, "Tidegate started"},
		{Event{Text: "Switched to Example", Of: "Example"}, Enrolment{Name: "Other"}, nil, "Switched to Example"},
		{mayas, maya, []Enrolment{lena, maya}, mayas.Text},
		{mayas, lena, []Enrolment{lena, maya}, mayas.Text + " (maya)"},
		{mayas, lena, []Enrolment{lena}, mayas.Text + " (maya)"}, // hers is forgotten
		{mayas, Enrolment{Name: "Other", User: "maya"}, []Enrolment{lena, maya}, mayas.Text + " (Example, maya)"},
		{mayas, Enrolment{Name: "Other", User: "maya"}, []Enrolment{maya}, mayas.Text + " (Example)"},
		{Event{Text: "Switched to Example", Of: "Example", User: "maya"}, lena, []Enrolment{lena, maya}, "Switched to Example (maya)"},
		{e, lena, []Enrolment{lena, maya}, e.Text}, // of before users were kept
	} {
		if got := tt.e.Sentence(tt.active, tt.all); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
	if h := (HistoryQuery{EventFilter: EventFilter{Search: "lost example"}}).Select([]Event{e}); len(h.Events) != 1 {
		t.Error("it is not found by whose it is")
	}
	if h := (HistoryQuery{EventFilter: EventFilter{Search: "lost maya"}}).Select([]Event{e, mayas}); len(h.Events) != 1 {
		t.Error("it is not found by who it is for")
	}
}

// What was typed for one controller is not told to another, however alike they ask: with
// the same applications, the same hours and the same prompt.
func TestAnAnswerIsForOneController(t *testing.T) {
	ask := func(b *bench) State {
		apps := listening()
		f := apps["payroll"]
		f.Flows = 1
		apps["payroll"] = f
		due := wire.Verdict{Entitlement: "pay", Allow: true, Due: true, NotAfter: time.Unix(946688400, 0), Interactions: askMFA, Reason: wire.Reason{Kind: wire.ReasonMFA}}
		b.s.ReportDataplane(DataplaneFacts{Apps: apps, Sites: site(Connected, due), Change: b.plane.last().Change})
		return b.state()
	}
	for name, leave := range map[string]Command{"switched": SwitchEnrolment{"d1"}, "forgotten": ForgetEnrolment{"d2"}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				other := enrolledTwice(t, b)
				b.second()
				b.closed()
				asked := ask(b).Prompt
				if asked == nil || asked.Kind != PromptInteraction {
					t.Fatalf("asked %+v", asked)
				}
				b.do(leave)
				if p := b.state().Prompt; p != nil {
					t.Fatalf("then it asks %+v", p)
				}
				typed := Answer{Prompt: asked.ID, Device: "d2", MFA: "123456"}
				if err := b.s.Do(t.Context(), typed); !errors.Is(err, errNotAsked) {
					t.Errorf("an answer to nothing: %v", err)
				}
				b.closed()
				b.expectPhase(ControlEstablished)
				if p := ask(b).Prompt; p == nil || p.ID != asked.ID || p.Busy || p.Error != nil {
					t.Fatalf("the other asks %+v, and not alike", p)
				}
				if err := b.s.Do(t.Context(), typed); !errors.Is(err, errNotAsked) {
					t.Errorf("an answer to another: %v", err)
				}
				b.do(SignOut{})
				if p := b.state().Prompt; p == nil || p.Kind != PromptSignIn {
					t.Fatalf("signed out, it asks %+v", p)
				}
				if err := b.s.Do(t.Context(), SignIn{Device: "d2", Password: "tide"}); !errors.Is(err, errNotAsked) {
					t.Errorf("a sign-in elsewhere: %v", err)
				}
				if n := b.controller.called("answer") + other.called("answer") + b.controller.called("sign-in"); n > 0 {
					t.Errorf("%d were told", n)
				}
				b.do(SignIn{Device: "d1", Password: "tide"})
				if s := b.expectPhase(ControlEstablished); s.User.Session != "s1" {
					t.Errorf("session %s", s.User.Session)
				}
			})
		})
	}
}

// An answer that is under way is its own controller's, and says nothing to the next.
func TestAnAnswerUnderWayAcrossASwitch(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		other := enrolledTwice(t, b)
		b.second()
		b.closed()
		held := listening()
		f := held["payroll"]
		f.Waiting = 1
		held["payroll"] = f
		denied := wire.Verdict{Entitlement: "pay", Reason: wire.Reason{Kind: wire.ReasonMFA}, Interactions: askMFA}
		b.s.ReportDataplane(DataplaneFacts{Apps: held, Sites: site(Connected, denied), Change: b.plane.last().Change})
		other.hold, other.answer = make(chan struct{}), &wire.Problem{Code: wire.CodeAnswer, Title: "no"}
		b.do(Answer{Prompt: b.state().Prompt.ID, Device: "d2", MFA: "000000"})
		b.do(SwitchEnrolment{"d1"})
		b.closed()
		b.s.ReportDataplane(DataplaneFacts{Apps: held, Sites: site(Connected, denied), Change: b.plane.last().Change})
		close(other.hold)
		if p := b.state().Prompt; p == nil || p.Busy || p.Error != nil {
			t.Errorf("the other's prompt: %+v", p)
		}
		if s := b.state(); s.User.Session != "s1" || b.controller.called("answer") > 0 || other.called("answer") != 1 {
			t.Errorf("session %s, %d and %d answers", s.User.Session, b.controller.called("answer"), other.called("answer"))
		}
	})
}

// A classic VPN is nobody's: it stays up across a switch, with its warnings and what it
// asks; of the enrolment before, nothing stays beside it.
func TestAVPNAcrossASwitch(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		classic := b.beside()
		enrolledTwice(t, b)
		b.second()
		b.closed()
		b.report(func(f *VPNFacts, c *VPNFact) {
			c.Phase, c.Adapter, c.Domains, c.Features = VPNConnected, "tidev1000", []string{"office.example"}, []VPNFeature{VPNIPv6}
			f.Others = []VPNOther{{Program: "openvpn", VPNLink: VPNLink{Adapter: "tun0"}}}
			f.Conflicts = []VPNConflict{{Feature: VPNTrafficEnforcement, Adapter: "tun0", Harm: VPNHarmAll, Evidence: "nft"}}
			f.Prompt = &VPNPrompt{ID: "p1", Connection: "a", Kind: VPNForm, Fields: []VPNField{{Kind: VPNCode, Label: "Code"}}}
		})
		b.s.ReportDataplane(DataplaneFacts{Change: b.plane.last().Change, Apps: listening(), TUN: true,
			DNS: &DNSFact{NameService: NameService{Mode: "direct", Zones: []string{"other.corp"}}}})
		before := b.state()
		if len(before.VPN.Warnings) != 2 || len(before.Local.DNS.Zones) != 1 || !strings.Contains(before.VPN.Warnings[0].Fix, "other.example") {
			t.Fatalf("before: %+v, names %+v", before.VPN, before.Local.DNS)
		}
		classic.took()
		b.do(SwitchEnrolment{"d1"})
		check := func(when string) {
			t.Helper()
			s := b.state()
			if d := cmp.Diff(before.VPN.Connections, s.VPN.Connections, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
				t.Errorf("%s: the VPN (-before +now):\n%s", when, d)
			}
			if brief(s.VPN.Warnings) != brief(before.VPN.Warnings) || !cmp.Equal(before.VPN.Prompt, s.VPN.Prompt) || !cmp.Equal(before.VPN.Others, s.VPN.Others, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})) {
				t.Errorf("%s: %+v", when, s.VPN)
			}
			if fix := s.VPN.Warnings[0].Fix; strings.Contains(fix, "other.example") || !strings.Contains(fix, "zta.example") {
				t.Errorf("%s it says: %s", when, fix)
			}
			if d := s.Local.DNS; d != nil && len(d.Zones) > 0 || s.Local.TUN {
				t.Errorf("%s: names %+v", when, s.Local.DNS)
			}
			if g := classic.guards[len(classic.guards)-1]; slices.Contains(g.Underlay, otherHost) {
				t.Errorf("%s: %+v", when, g)
			}
		}
		check("at once")
		b.s.ReportDataplane(DataplaneFacts{Change: b.plane.last().Change, TUN: true, DNS: &DNSFact{NameService: NameService{Zones: []string{"other.corp"}}}})
		check("while the data plane closes")
		b.closed()
		check("then")
		for _, e := range b.state().Events {
			if e.Topic() == TopicVPN && e.Seq > before.Events[len(before.Events)-1].Seq {
				t.Errorf("told: %s", e.Text)
			}
		}
		if did := classic.took(); did != "" {
			t.Errorf("the VPN was told to %s", did)
		}
	})
}
