package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

// onCall is a criteria script that yields what http://10.0.0.8/ answers.
var onCall = wire.Script{Name: "on-call", Kind: wire.ScriptCriteria, Type: "bool", HTTP: []string{"http://10.0.0.8"},
	Timeout: wire.Duration(3 * time.Second), Refresh: wire.Duration(10 * time.Minute), Keep: wire.Duration(20 * time.Minute),
	Source: "def main(ctx):\n    a = http.get(\"http://10.0.0.8/\")\n    if a.status != 200:\n        fail(\"no\")\n    return a.body == \"yes\"\n"}

// entitleScript adds an entitlement to app.test:22 whose condition reads on-call.
func (k ticket) entitleScript() ticket {
	k = k.entitle("app", "app.test", 22, "scripts.on_call")
	k.entitlements[len(k.entitlements)-1].Conditions[0].Variables = map[string]string{"scripts.on_call": "bool"}
	return k
}

// answering answers with what says says.
func answering(says *atomic.Value) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, _ := says.Load().(string)
		if s == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, s)
	}
}

// TestFirstValueIsAwaited: neither the verdict nor a flow is decided before the
// script has answered.
func TestFirstValueIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			io.WriteString(w, "yes")
		}))
		synctest.Wait()
		s.learnScripts(t, 1, onCall)
		c := s.client(t, s.device)
		began := time.Now()
		opened := make(chan time.Duration, 1)
		go func() {
			if res := answered(t, c.open("app.test:22", "")); res.StatusCode != http.StatusOK {
				t.Errorf("the flow: %s", res.Status)
			}
			opened <- time.Since(began)
		}()
		_, v := c.admit(s.authority.ticket(s.device).entitleScript())
		if took := time.Since(began); !v.Verdicts[0].Allow || took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("after %s: %+v", took, v.Verdicts[0])
		}
		if took := <-opened; took < time.Second || took > 1200*time.Millisecond {
			t.Errorf("the flow was opened after %s", took)
		}
	})
}

// TestScriptsFail: what fails the first time denies, says so in the record, and
// is tried again within a minute.
func TestScriptsFail(t *testing.T) {
	for _, row := range []struct {
		name, source string
		typ          string
		detail       string
		took         time.Duration // of the flow's refusal
	}{
		{"hangs", "def main(ctx):\n    return http.get(\"http://10.0.0.8/hang\").body == \"yes\"\n", "bool", "longer than", 3 * time.Second},
		{"fails", "def main(ctx):\n    fail(\"nobody knows\")\n", "bool", "nobody knows", 0},
		{"prints a megabyte", "def main(ctx):\n    for i in range(1024):\n        print(\"x\" * 1024)\n    return True\n", "bool", "bytes", 0},
		{"reads a megabyte", "def main(ctx):\n    return http.get(\"http://10.0.0.8/long\").status == 200\n", "bool", "bytes", 0},
		{"loops", "def main(ctx):\n    n = 0\n    for i in range(100000000):\n        n += 1\n    return True\n", "bool", "steps", 0},
		{"asks elsewhere", "def main(ctx):\n    return http.get(\"http://10.0.0.9/\").status == 200\n", "bool", "allow-list", 0},
		{"is of another type", "def main(ctx):\n    return 7\n", "bool", "int", 0},
		{"has no type", "def main(ctx):\n    return True\n", "float", "not known", 0},
		{"does not compile", "def main(ctx:\n", "bool", "script on-call", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, recorded, serve(t, func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Path {
					case "/hang":
						<-r.Context().Done()
					case "/long":
						w.Write(make([]byte, 2<<20))
					}
				}))
				synctest.Wait()
				sc := onCall
				sc.Source, sc.Type = row.source, row.typ
				s.learnScripts(t, 1, sc)
				c := s.client(t, s.device)
				began := time.Now()
				refused := make(chan *wire.Problem, 1)
				go func() { p, _ := c.refusedFlow("app.test:22"); refused <- p }()
				_, v := c.admit(s.authority.ticket(s.device).entitleScript())
				if took := time.Since(began); v.Verdicts[0].Allow || took > firstVerdicts+100*time.Millisecond {
					t.Errorf("first verdict after %s: %+v", took, v.Verdicts[0])
				}
				p := <-refused
				if took := time.Since(began); took < row.took || took > row.took+200*time.Millisecond {
					t.Errorf("refused after %s", took)
				}
				if p.Code != wire.CodeDenied || p.Verdict.Reason.Kind != wire.ReasonMissing && p.Verdict.Reason.Kind != wire.ReasonScript {
					t.Errorf("%+v", p)
				}
				runs := 0
				time.Sleep(retryScript + 5*time.Second)
				for _, r := range s.ledger.take() {
					if r.Kind == "script-run" {
						runs++
						if r.Allow || !strings.Contains(r.Detail, row.detail) || r.Target != "on-call" || runs == 1 && r.Trigger != wire.TriggerConnect || runs > 1 && r.Trigger != wire.TriggerScript {
							t.Errorf("run %d: %+v", runs, r)
						}
					}
				}
				if runs != 2 {
					t.Errorf("%d runs within a minute or so", runs)
				}
			})
		})
	}
}

// TestRefreshAndKeep: a value is asked for again when it is no longer fresh, its
// change cuts, and it stands while runs fail, for as long as Keep says.
func TestRefreshAndKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var says atomic.Value
		says.Store("yes")
		s := newSim(t, recorded, serve(t, answering(&says)))
		synctest.Wait()
		s.learnScripts(t, 1, onCall)
		c := s.client(t, s.device)
		v, _ := c.admit(s.authority.ticket(s.device).entitleScript())
		began := time.Now()
		str, _ := s.echo(c, "app.test:22")
		ping(t, str, "hello")
		time.Sleep(time.Minute)
		says.Store("no")
		expectReset(t, str, codeCut)
		if after := time.Since(began); after < 9*time.Minute-time.Second || after > 10*time.Minute+time.Second {
			t.Errorf("refreshed after %s", after)
		}
		if d := v.next().Verdicts[0]; d.Allow || d.Reason.Kind != wire.ReasonScript {
			t.Errorf("%+v", d)
		}
		says.Store("yes")
		if d := v.next().Verdicts[0]; !d.Allow {
			t.Errorf("%+v", d)
		}
		str, _ = s.echo(c, "app.test:22")
		got := time.Now()
		says.Store("") // from here on it fails
		expectReset(t, str, codeCut)
		if after := time.Since(got); after < 20*time.Minute-time.Second || after > 20*time.Minute+time.Second {
			t.Errorf("kept for %s", after)
		}
		if d := v.next().Verdicts[0]; d.Allow || d.Reason.Kind != wire.ReasonMissing {
			t.Errorf("%+v", d)
		}
	})
}

// TestEntitlementScript: flows wait for the first hosts, lose what later runs no
// longer name, and what a failing script named once its time is over.
func TestEntitlementScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var says atomic.Value
		says.Store("app.test")
		s := newSim(t, recorded, serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(500 * time.Millisecond)
			answering(&says)(w, r)
		}))
		synctest.Wait()
		sc := wire.Script{Name: "hosts", Kind: wire.ScriptEntitlement, HTTP: []string{"http://10.0.0.8"}, Keep: wire.Duration(30 * time.Second),
			Source: "def main(ctx):\n    a = http.get(\"http://10.0.0.8/\")\n    if a.status != 200:\n        fail(\"no\")\n    return a.body.split()\n"}
		s.learnScripts(t, 1, sc)
		k := s.authority.ticket(s.device)
		k.entitlements = []wire.Entitlement{{ID: "app", Actions: []wire.Action{{Effect: wire.EffectAllow, Protocol: wire.TCP, Ports: []uint16{22}, Script: "hosts"}}}}
		c := s.client(t, s.device)
		began := time.Now()
		c.admit(k)
		str, _ := s.echo(c, "app.test:22")
		if took := time.Since(began); took < 500*time.Millisecond || took > 700*time.Millisecond {
			t.Errorf("the first flow took %s", took)
		}
		time.Sleep(2 * time.Second)
		again := time.Now()
		other := c.flow("app.test:22")
		<-s.apps
		if took := time.Since(again); took > 100*time.Millisecond {
			t.Errorf("a flow to a known host took %s", took)
		}
		ping(t, str, "hello")
		time.Sleep(2 * time.Second)
		says.Store("other.test")
		if p, _ := c.refusedFlow("third.test:22"); p.Code != wire.CodeNotEntitled { // and has the script run
			t.Errorf("%+v", p)
		}
		expectReset(t, str, codeCut)
		expectReset(t, other, codeCut)
		says.Store("app.test")
		time.Sleep(2 * time.Second)
		str, _ = s.echo(c, "app.test:22") // named by a run of its own
		got := time.Now()
		says.Store("")
		go func() {
			time.Sleep(5 * time.Second)
			c.open("app.test:22", "") // fails, and the hosts stand
			<-s.apps
		}()
		expectReset(t, str, codeCut)
		if after := time.Since(got); after < 29*time.Second || after > 31*time.Second {
			t.Errorf("the hosts were kept for %s", after)
		}
	})
}

// TestCriteriaScriptRows: a criteria script is run when a condition needs it
// first, on the rows that renew what it may be asked about, and on no other.
func TestCriteriaScriptRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		s.learnScripts(t, 1, wire.Script{Name: "on-call", Kind: wire.ScriptCriteria, Type: "bool", Source: "def main(ctx):\n    return \"staff\" in ctx.user.groups\n"})
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).entitleScript().entitle("two", "app.test", 23, "!scripts.on_call")
		k.entitlements[1].Conditions[0].Variables = k.entitlements[0].Conditions[0].Variables
		c.admit(k)
		for _, row := range []struct {
			why  wire.Trigger
			want string
		}{
			{"", "[script-run on-call connect]"},
			{wire.TriggerClaimsToken, "[script-run on-call claims-token]"},
			{wire.TriggerRenewal, "[script-run on-call renewal]"},
			{wire.TriggerAccess, "[]"},
			{wire.TriggerRoaming, "[]"},
			{wire.TriggerEntitlementToken, "[]"},
		} {
			if k.why = row.why; row.why != "" {
				if p := c.renew(k); p != nil {
					t.Fatal(p)
				}
			}
			if got := fmt.Sprint(tell(s.ledger.take(), "script-run")); got != row.want {
				t.Errorf("%s: %s, want %s", row.why, got, row.want)
			}
		}
		str, _ := s.echo(c, "app.test:22")
		s.ledger.take()
		k.groups, k.why = nil, wire.TriggerClaimsToken // the script says otherwise now
		if p := c.renew(k); p != nil {
			t.Fatal(p)
		}
		expectReset(t, str, codeCut)
		want := "[verdict app claims-token verdict app claims-token no verdict two claims-token verdict two claims-token no]"
		if got := fmt.Sprint(tell(s.ledger.take(), "verdict")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestShortcutOfScript: a user who has to answer something first is asked, though
// nobody knows yet what the script will name: the shortcut says that it is meant.
func TestShortcutOfScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		s.learnScripts(t, 1, hostsScript("hosts"))
		k := s.authority.ticket(s.device).entitle("app", "else.test", 23, `within(responses.mfa, duration("60m"))`, wire.InteractionMFA)
		k.entitlements[0].Actions = append(k.entitlements[0].Actions, wire.Action{Effect: wire.EffectAllow, Protocol: wire.TCP, Ports: []uint16{22, 80}, Script: "hosts"})
		k.entitlements[0].Shortcuts = []wire.Shortcut{{ID: "app", Link: "ssh://app.test"}, {ID: "odd", Link: "::"}}
		c := s.client(t, s.device)
		c.admit(k)
		if p, _ := c.refusedFlow("app.test:22"); p.Code != wire.CodeDenied || len(p.Verdict.Interactions) != 1 {
			t.Errorf("%+v", p)
		}
		if p, _ := c.refusedFlow("app.test:80"); p.Code != wire.CodeNotEntitled { // no shortcut's
			t.Errorf("%+v", p)
		}
		if got := tell(s.ledger.take(), "script-run"); got != nil {
			t.Errorf("%v", got)
		}
		if p := c.renew(k.answered(wire.InteractionMFA, time.Now())); p != nil {
			t.Fatal(p)
		}
		s.echo(c, "app.test:22")
		s.echo(c, "app.test:80")
	})
}

// TestScriptsStayOutside: no name leads a script to this machine, and only the
// very address in its allow-list does.
func TestScriptsStayOutside(t *testing.T) {
	var dialled atomic.Value
	d := &dialer{resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("169.254.169.254")}, nil
	}, own: func() []netip.AddrPort { return nil }, dial: dialedInto(&dialled)}
	for _, row := range []struct{ allow, url, want string }{
		{"http://rebind.test", "http://rebind.test/", ""},
		{"http://127.0.0.1:9001", "http://127.0.0.1:9001/", "127.0.0.1:9001"},
		{"http://10.0.0.8", "http://127.0.0.1/", ""},
		{"http://169.254.169.254", "http://rebind.test/", ""},
	} {
		dialled.Store("")
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, row.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.scriptTransport([]string{row.allow}).RoundTrip(r); err == nil {
			t.Error("an answer")
		}
		if got := dialled.Load(); got != row.want {
			t.Errorf("%s allowed, %s asked: dialled %q, want %q", row.allow, row.url, got, row.want)
		}
	}
}

// TestRunsAtOnce: a gateway runs so many scripts at a time, and no more.
func TestRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l library
		var now, most, all atomic.Int32
		l.transport = func([]string) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				time.Sleep(100 * time.Millisecond)
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("yes")), Request: r}, nil
			})
		}
		if _, err := l.apply(&wire.ScriptsToken{Revision: 2, Scripts: []wire.Script{onCall}}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.apply(&wire.ScriptsToken{Revision: 1}); err == nil {
			t.Error("older scripts were taken")
		}
		if changed, err := l.apply(&wire.ScriptsToken{Revision: 3, Scripts: []wire.Script{onCall}}); changed || err != nil {
			t.Errorf("the same scripts again: %v, %v", changed, err)
		}
		r := newRunner(time.Now)
		for range 3 * runsAtOnce {
			r.run(t.Context(), l.get(wire.ScriptCriteria, "on_call"), &policy.Claims{}, nil, func(result) { all.Add(1) })
		}
		r.wg.Wait()
		if most.Load() != runsAtOnce || all.Load() != 3*runsAtOnce {
			t.Errorf("%d at once, %d in all", most.Load(), all.Load())
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestScriptReads: a script is given the claims as they count now.
func TestScriptReads(t *testing.T) {
	level := int64(60)
	in := inputOf(&policy.Claims{User: wire.UserClaims{Name: "alice", Groups: []string{"staff"}}, System: wire.SystemClaims{Address: "192.0.2.7"}, Risk: &level,
		Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: time.Unix(7, 0)}},
		wire.DeviceClaims{"os.name": "linux", "list": []any{"a"}, "odd": []any{1}, "object": map[string]any{}}, time.Unix(9, 0))
	if fmt.Sprint(in.Device) != "map[list:[a] os.name:linux]" || in.User.Name != "alice" || *in.Risk != 60 || in.Responses["mfa"].Unix() != 7 || in.Now.Unix() != 9 || in.System.Address != "192.0.2.7" {
		t.Errorf("%+v", in)
	}
}

// dialedInto notes where was dialled, and fails.
func dialedInto(v *atomic.Value) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		v.Store(address)
		return nil, net.ErrClosed
	}
}
