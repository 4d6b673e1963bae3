package session

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/wire"
)

// inEnglish puts a test's process back into English at its end.
func inEnglish(t *testing.T) { t.Cleanup(func() { lang.Set("") }) }

// scenes are states of all kinds, and then what happened from each to the next.
func scenes(t *testing.T) (all []State) {
	now := time.Date(2031, 3, 4, 12, 0, 0, 0, time.UTC)
	key := testKey()
	snapshot := testSnapshot(t)
	apps, sites, routes, names := catalog(&snapshot, slog.New(slog.DiscardHandler))
	base := func() (facts, intent) {
		f := facts{enrolled: testEnrolled(key), identity: Identity{Device: "d1", Key: key}, keychain: KeychainReady, asked: true, cookie: "c",
			control: controlFact{established: true, ever: true, transport: "h3", since: now}, snapshot: &snapshot}
		f.catalog, f.sites, f.routes, f.names = apps, sites, routes, names
		f.plane.Sites = map[wire.SiteID]SiteFact{"lab": {State: Connected, Verdicts: map[wire.EntitlementID]wire.Verdict{}}}
		f.plane.Apps = map[wire.AppID]AppFact{}
		return f, intent{beside: newVPNIntent()}
	}
	scene := func(change func(*facts, *intent)) {
		f, in := base()
		change(&f, &in)
		s := derive(&f, &in, &wake{now: now})
		s.Revision = uint64(len(all) + 1)
		if len(all) > 0 {
			s.Events = happened(&all[len(all)-1], &s)
		}
		all = append(all, s)
	}
	nothing := func(*facts, *intent) {}
	scene(func(f *facts, in *intent) { *f, *in = facts{tray: TrayAbsent}, intent{} })
	for _, k := range []Keychain{KeychainUnknown, KeychainLocked, KeychainAbsent, KeychainReady} {
		for _, have := range []*ecdsa.PrivateKey{nil, key} {
			scene(func(f *facts, _ *intent) {
				f.keychain, f.keyLost = k, have == nil && k == KeychainReady
				if have == nil {
					f.identity = Identity{}
				}
			})
		}
	}
	for _, code := range slices.Sorted(maps.Keys(words)) {
		p := &wire.Problem{Code: code, Title: "x"}
		scene(func(f *facts, in *intent) { // it ended the session, and the answer
			f.cookie, f.snapshot, f.ended, f.hello = "", nil, p, &wire.Hello{User: "maya"}
			in.refusedAt, in.refused = PromptSignIn, func() *Problem { return explain(p, "zta.example") }
		})
		scene(func(f *facts, _ *intent) { // and a gateway or an application says it
			site := f.plane.Sites["lab"]
			site.Problem, site.Verdicts = p, nil
			f.plane.Sites["lab"] = site
			f.plane.Apps["wiki"] = AppFact{Problem: p}
		})
	}
	scene(func(f *facts, _ *intent) { f.control = controlFact{}; f.snapshot = nil })
	scene(func(f *facts, _ *intent) { f.snapshot, f.catalog = nil, nil })
	scene(func(f *facts, _ *intent) { f.catalog = nil })
	scene(func(f *facts, _ *intent) { f.control.established, f.control.lost = false, now })
	for _, err := range []error{nil, &wire.Problem{Code: wire.CodeFingerprint}, &wire.Problem{Code: wire.CodeOverload, Title: "There are too many names"}, context.DeadlineExceeded,
		fmt.Errorf("%w: %w", &wire.Problem{Code: wire.CodeFingerprint}, x509.CertificateInvalidError{Reason: x509.Expired})} {
		scene(func(f *facts, _ *intent) {
			f.control = controlFact{lost: now.Add(-time.Hour), ever: true, why: err}
		})
	}
	for _, err := range failures() {
		scene(func(f *facts, in *intent) { // the answer did not reach anybody
			f.cookie, f.snapshot, f.hello = "", nil, &wire.Hello{User: "maya"}
			in.refusedAt, in.refused = PromptSignIn, func() *Problem { return explain(err, "zta.example") }
		})
		scene(func(f *facts, _ *intent) { f.control = controlFact{lost: now.Add(-time.Hour), ever: true, why: err} })
	}
	for _, err := range []error{fmt.Errorf("save choices: %w", &fs.PathError{Op: "open", Path: "/home/maya/choices.json", Err: syscall.ENOSPC}), errors.New("xdg-open is not installed"),
		fmt.Errorf("%s cannot be read: %w; it was set aside as %s", "/x", &fs.PathError{Op: "read", Path: "/x", Err: syscall.EIO}, "/x.damaged")} {
		scene(func(f *facts, in *intent) { // nothing starts, and nothing is kept
			in.launch = func() *Problem { return &Problem{Code: "browser", Detail: sentence(err)} }
			f.host.helper.Problem = &Problem{Code: "helper-setup", Detail: err.Error()}
			f.plane.Problem = &wire.Problem{Code: "failed", Title: "The network device does not work", Detail: lang.English("the network that you are in uses %v, which is part of %v", "10.0.0.0/8", "10.1.0.0/16")}
			f.plane.DNS = &DNSFact{NameService: NameService{Why: "There is no helper here, and without one nothing of the system is touched."},
				Problem: &wire.Problem{Code: "outside", Title: "There are too many names", Detail: lang.English("They are not looked up here: %s", lang.English("%s and others", "a.corp, b.corp"))}}
		})
	}
	scene(nothing)
	for _, flows := range []map[wire.AppID]AppFact{{"wiki": {Flows: 1, Parked: 1, LastUsed: now}}, {"wiki": {Flows: 1, LastUsed: now, Cut: 1}},
		{"wiki": {Flows: 1, Parked: 1}, "payroll": {Flows: 1, Parked: 1}}, {"wiki": {Flows: 1}, "payroll": {Flows: 2}}} {
		scene(func(f *facts, _ *intent) { f.plane.Apps = flows })
	}
	claims := append(slices.Sorted(maps.Keys(claimNames)), "")
	for i, kind := range slices.Sorted(maps.Keys(reasons)) {
		v := wire.Verdict{Entitlement: "web", Reason: wire.Reason{Kind: kind, Condition: "c"}, NotAfter: now.Add(time.Hour)}
		for j, claim := range claims {
			v.Failing = append(v.Failing, wire.Term{Kind: slices.Sorted(maps.Keys(kindNames))[j%len(kindNames)], Condition: "c", Claim: claim,
				Reported: []string{"", "true", "false"}[(i+j)%3]})
		}
		v.Failing = append(v.Failing, wire.Term{Claim: "risk", Reported: "10"}, wire.Term{Claim: "risk", Reported: "50"}, wire.Term{Claim: "risk", Reported: "90"},
			wire.Term{Kind: wire.ReasonMissing, Condition: "c", Claim: []string{"device.firewall", "scripts.x"}[i%2]}, wire.Term{Claim: "responses.mfa", Reported: "2031-03-04T11:00:00Z"})
		if i%2 == 0 {
			v.Interactions, v.AnyOf = []wire.Interaction{{Kind: wire.InteractionMFA}, {Kind: wire.InteractionPassword}, {Kind: wire.InteractionReason}, {Kind: wire.InteractionMessage}}, i%4 == 0
		}
		scene(func(f *facts, _ *intent) { f.plane.Sites["lab"].Verdicts["web"] = v })
		lapses := v
		lapses.Allow, lapses.Due = true, true
		scene(func(f *facts, in *intent) {
			f.plane.Sites["lab"].Verdicts["web"], f.plane.Apps["wiki"] = lapses, AppFact{LastUsed: now}
			in.due = map[wire.EntitlementID]due{"web": {verdict: lapses, end: now.Add(time.Hour)}}
		})
	}
	for _, cause := range []ChannelCause{CauseNone, CauseIdle, CauseUser, CauseAdministrator, CauseApplication} {
		scene(nothing)
		scene(func(f *facts, _ *intent) { f.plane.Sites = map[wire.SiteID]SiteFact{"lab": {State: Suspended}} })
		all[len(all)-1].Sites[0].Cause = cause
		all[len(all)-1].Events = happened(&all[len(all)-2], &all[len(all)-1])
	}
	besides(scene)
	return all
}

// failures are why a controller is not reached, as they come from where they happen.
func failures() []error {
	return []error{
		fmt.Errorf("reach the controller over TCP: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
		&net.DNSError{Err: "no such host", Name: "zta.example", IsNotFound: true}, &net.DNSError{Err: "i/o timeout", Name: "zta.example", IsTimeout: true},
		x509.CertificateInvalidError{Reason: x509.Expired}, x509.UnknownAuthorityError{}, x509.HostnameError{Host: "zta.example", Certificate: &x509.Certificate{}},
		context.DeadlineExceeded, syscall.ENETUNREACH, syscall.ECONNRESET, syscall.EACCES, tls.RecordHeaderError{}, tls.AlertError(42), errors.New("whatever this may be"),
		&wire.Problem{Code: wire.CodeInternal, Status: 502, Title: "the server answered 502 Bad Gateway"},
	}
}

// besides are the scenes of names and VPNs.
func besides(scene func(func(*facts, *intent))) {
	for _, code := range append(slices.Sorted(maps.Keys(dnsFixes)), "other") {
		p := &wire.Problem{Code: code, Title: "There are too many names"}
		scene(func(f *facts, in *intent) {
			f.plane.TUN, f.plane.Problem = code == "conflict", p
			f.plane.DNS = &DNSFact{Problem: p, NameService: NameService{Mode: "direct", Zones: []string{"corp." + string(code)},
				Competitors: []Competitor{{Program: "openvpn", Domain: "a." + string(code), Wins: true}, {Adapter: "tun0", Domain: "b." + string(code), Wins: true}}}}
			in.opened = opened{app: "wiki", at: time.Date(2031, 3, 4, 11, 0, 0, 0, time.UTC)}
			f.plane.DNS.Zones = append(f.plane.DNS.Zones, "corp")
		})
		scene(func(f *facts, _ *intent) {
			f.plane.DNS = &DNSFact{NameService: NameService{Competitors: []Competitor{{Adapter: "tun0", Domain: "a", Wins: true}, {Domain: string(code), Wins: true}}}}
		})
	}
	office := VPNSettings{ID: "a", Name: "Office", Protocol: VPNPulse, Features: VPNFeatures}
	phases := []VPNPhase{VPNConnected, VPNReconnecting, VPNSigningIn, VPNDisconnecting}
	for i, code := range slices.Sorted(maps.Keys(vpnFailures)) {
		for _, detail := range []string{"", "x"} {
			scene(func(f *facts, _ *intent) {
				f.vpnSeen, f.vpn = true, VPNFacts{Problem: &wire.Problem{Code: wire.Code(code), Detail: detail}, Connections: []VPNFact{{VPNSettings: office, Failure: &VPNFailure{Code: code, Detail: detail}}}}
			})
			scene(func(f *facts, _ *intent) {
				f.vpn = VPNFacts{Connections: []VPNFact{{VPNSettings: office, Phase: phases[i%len(phases)]}}}
			})
		}
	}
	scene(func(f *facts, _ *intent) {
		f.vpn = VPNFacts{Connections: []VPNFact{{VPNSettings: office, Phase: VPNConnected, Left: []VPNLeft{{"10.0.0.0/8", VPNLeftOurs}, {"10.1.0.0/16", VPNLeftHere}, {"10.2.0.0/16", VPNLeftOutside}, {".", VPNLeftFull}}}}}
	})
	for _, fields := range [][]VPNField{nil, {{Kind: VPNPassword}}, {{Kind: VPNCode}}, {{Kind: VPNText}}} {
		scene(func(f *facts, _ *intent) {
			f.vpn = VPNFacts{Connections: []VPNFact{{VPNSettings: office, Phase: VPNSigningIn}}, Prompt: &VPNPrompt{ID: "1", Connection: "a", Fields: fields}}
			if fields == nil {
				f.vpn.Prompt.Kind = VPNCertificate
			}
		})
	}
	harms := slices.Sorted(maps.Keys(vpnHarms))
	served := append(slices.Sorted(maps.Keys(vpnServed)), VPNServedNot)
	for i, harm := range harms {
		for j, how := range served {
			for k, feature := range append(slices.Clone(VPNFeatures), "later") {
				c := VPNConflict{Feature: feature, Harm: harm, How: how, Ahead: (i+j+k)%2 == 0}
				switch (i + j + k) % 4 {
				case 0:
					c.Program, c.Adapter = "openvpn", "tun0"
				case 1:
					c.Adapter = "tun0"
				case 2:
					c.Connection = "a"
				}
				if k%2 == 0 {
					c.Device = "tidegate0"
				}
				scene(func(f *facts, _ *intent) {
					f.vpn = VPNFacts{Connections: []VPNFact{{VPNSettings: VPNSettings{ID: "a", Name: "Office"}}}, Others: []VPNOther{{VPNLink: VPNLink{Adapter: "tun0"}}}, Conflicts: []VPNConflict{c}}
				})
			}
		}
	}
}

// told are the texts of a value that are for people, in order.
func told(v reflect.Value) (texts []string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			texts = told(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			texts = append(texts, told(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			switch {
			case !f.IsExported() || v.Type() == reflect.TypeFor[Failing]() && slices.Contains([]string{"Text", "Reported"}, f.Name):
			case f.Type.Kind() != reflect.String:
				texts = append(texts, told(v.Field(i))...)
			case slices.Contains([]string{"Title", "Detail", "Fix", "Brief", "Found", "Text"}, f.Name):
				texts = append(texts, v.Field(i).String())
			}
		}
	}
	return texts
}

// leftovers are words that no sentence in another language has.
var leftovers = regexp.MustCompile(`(?i)\b(the|your|is|are|and|with|for|not|of|to|it)\b|%!|[{}]`)

// same are the texts that are the same in some other language, too.
var same = []string{"", "x", "X", "true", "false", "no", "Message", "Kernel", "Firewall"}

// Whatever the state is, nothing of it is in English for who has chosen otherwise.
func TestNoEnglishIsLeft(t *testing.T) {
	inEnglish(t)
	english := scenes(t)
	for _, tag := range Languages[1:] {
		t.Run(tag, func(t *testing.T) {
			lang.Set(tag)
			seen := map[string]bool{}
			for i, s := range scenes(t) {
				want, got := told(reflect.ValueOf(english[i])), told(reflect.ValueOf(s))
				if len(want) != len(got) {
					t.Fatalf("state %d has %d texts in English, and %d here:\n%q\n%q", i, len(want), len(got), want, got)
				}
				for j := range got {
					if seen[got[j]+"\n"+want[j]] {
						continue
					}
					seen[got[j]+"\n"+want[j]] = true
					if got[j] == want[j] && !slices.Contains(same, got[j]) || leftovers.MatchString(got[j]) {
						t.Errorf("%q for %q", got[j], want[j])
					}
				}
			}
		})
	}
}

// The plural is that of the language: French has one for none, Spanish has not.
func TestCountsInEachLanguage(t *testing.T) {
	inEnglish(t)
	for _, row := range []struct {
		tag  string
		want [3]string
	}{
		{"fr", [3]string{"0 autre", "1 autre", "2 autres"}},
		{"es", [3]string{"0 más", "1 más", "2 más"}},
	} {
		lang.Set(row.tag)
		if got := [3]string{others(0), others(1), others(2)}; got != row.want {
			t.Errorf("%s: %q, want %q", row.tag, got, row.want)
		}
	}
	for _, row := range []struct {
		tag  string
		want [3]string
	}{
		{"fr", [3]string{"Il vous reste 0 essai", "Il vous reste 1 essai", "Il vous reste 2 essais"}},
		{"es", [3]string{"Le quedan 0 intentos", "Le queda 1 intento", "Le quedan 2 intentos"}},
	} {
		lang.Set(row.tag)
		for n, want := range row.want {
			got := lang.N("You have %d try left before you are locked out.", "You have %d tries left before you are locked out.", n, n)
			if !strings.HasPrefix(got, want+" ") {
				t.Errorf("%s: %q, want %q", row.tag, got, want)
			}
		}
	}
}

// The next state after the choice is in the new language, with all that stands in it;
// nothing has happened by it, and what had is not told anew.
func TestLanguageChangesWhileRunning(t *testing.T) {
	inEnglish(t)
	bubble(t, func(t *testing.T, b *bench) {
		b.launch = func(string) error { return errors.New("xdg-open is missing") }
		b.enrolled("kept").start()
		b.expectPhase(ControlEstablished)
		b.s.ReportDataplane(DataplaneFacts{Sites: map[wire.SiteID]SiteFact{"lab": {Problem: &wire.Problem{Code: wire.CodeAppUnreachable,
			Detail: lang.English("%s at %s. It is tried again when the application is used next.", "Nothing came back from it", "gw.example:443")}}},
			Apps: map[wire.AppID]AppFact{"wiki": {Listen: netip.MustParseAddrPort("127.9.9.9:80")}}})
		b.state()
		b.do(OpenApp{"wiki"})
		before := b.state()
		b.do(ChooseLanguage{"fr"})
		after := b.state()
		if after.ZTA.Title != "Protégé" || after.Choices.Language != "fr" {
			t.Errorf("it is %q", after.ZTA.Title)
		}
		if len(after.Problems) != len(before.Problems) || len(after.Problems) < 2 {
			t.Fatalf("problems were %+v, and are %+v", before.Problems, after.Problems)
		}
		for i, p := range after.Problems {
			if p.Code != before.Problems[i].Code || leftovers.MatchString(p.Title+p.Fix) || p.Code == "site-app-unreachable" && !strings.HasPrefix(p.Detail, "Aucune réponse") {
				t.Errorf("it says %+v", p)
			}
		}
		if len(after.Events) != len(before.Events) || after.Events[0].Text != "Tidegate started" {
			t.Errorf("events were %+v, and are %+v", before.Events, after.Events)
		}
		if err := b.s.Do(t.Context(), SetUpHelper{}); err == nil || err.Error() != "il n’y a pas d’assistant pour ce système" {
			t.Errorf("refused with %v", err)
		}
		b.do(SignOut{})
		s := b.state()
		if last := s.Events[len(s.Events)-1]; last.Text != "Déconnecté" {
			t.Errorf("what happens now is told as %q", last.Text)
		}
		b.do(ChooseLanguage{})
		if got := b.state().ZTA.Title; got != "Signed out" {
			t.Errorf("in the system's language it is %q", got)
		}
	})
}
