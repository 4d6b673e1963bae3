package classicvpn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/classicvpn/openconnect"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

var plain = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

const pin = "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// TestConnect goes all the way: a server that nobody has trusted yet, a wrong
// password and a right one, the tunnel, and its end.
func TestConnect(t *testing.T) {
	in(t, func(w *world) {
		w.signIn = func(ctx context.Context, ask openconnect.Ask) error {
			if ok, err := ask.Trust(ctx, openconnect.Certificate{Host: "vpn.example.com", Fingerprint: pin, Subject: "CN=vpn", Vouched: "Some CA", Reason: "signer not found"}); !ok || err != nil {
				return errors.Join(broken(session.VPNDistrusted), err)
			}
			if ok, err := ask.Trust(ctx, openconnect.Certificate{Host: "b.example.com", Onward: true, Fingerprint: "pin-sha256:b"}); !ok || err != nil {
				return errors.Join(broken(session.VPNDistrusted), err)
			}
			for why := ""; ; why = "Login failed." {
				got, err := ask.Form(ctx, openconnect.Form{Message: "Welcome", Error: why, Fields: []session.VPNField{{Kind: session.VPNPassword, Label: "Password"}}})
				if err != nil || got[0] == "tide" {
					return err
				}
			}
		}
		id := w.add("vpn.example.com")
		if f := w.now(); f.Engine != "9.12" || f.Prompt != nil {
			t.Errorf("at first it is %+v", f)
		}
		w.must(w.vpn.Connect(id))
		w.must(w.vpn.Connect(id)) // once more is nothing
		trust := w.prompt()
		if diff := cmp.Diff(session.VPNPrompt{ID: trust.ID, Connection: id, Kind: session.VPNCertificate, Fingerprint: pin, Subject: "CN=vpn", Vouched: "Some CA"}, trust); diff != "" {
			t.Error(diff)
		}
		if w.one().Fingerprint != "" {
			t.Error("it is trusted before anybody has said so")
		}
		w.must(w.vpn.Answer(trust.ID, nil))
		onward := w.prompt()
		if diff := cmp.Diff(session.VPNPrompt{ID: onward.ID, Connection: id, Kind: session.VPNCertificate, Host: "b.example.com", Fingerprint: "pin-sha256:b"}, onward); diff != "" {
			t.Error(diff)
		}
		w.must(w.vpn.Answer(onward.ID, nil))
		form := w.prompt()
		if form.Kind != session.VPNForm || form.Message != "Welcome" || form.Error != "" || form.ID == trust.ID || w.one().Fingerprint != pin+" pin-sha256:b" {
			t.Errorf("then it asks %+v", form)
		}
		if w.vpn.Answer(trust.ID, nil) == nil || w.vpn.Answer(form.ID, nil) == nil || w.vpn.Answer(form.ID, []session.Secret{"two\nlines"}) == nil || w.vpn.Answer(form.ID, []session.Secret{"a", "b"}) == nil {
			t.Error("it takes answers to nothing")
		}
		w.must(w.vpn.Answer(form.ID, []session.Secret{"hunter2"}))
		wrong := w.prompt()
		if wrong.Error != "Login failed." || wrong.ID == form.ID || wrong.Busy {
			t.Errorf("after a wrong one it asks %+v", wrong)
		}
		w.must(w.vpn.Answer(wrong.ID, []session.Secret{"tide"}))
		w.phase(session.VPNConnecting)
		if w.now().Prompt != nil {
			t.Error("it still asks")
		}
		w.must(w.turn(hook.PreInit))
		w.run().by = "DTLS"
		at := time.Now()
		w.must(w.turn(hook.Connect))
		link := session.VPNLink{Adapter: "tidev1000", Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.7/24")}, Server: netip.MustParseAddr("203.0.113.5"),
			Routes: []netip.Prefix{netip.MustParsePrefix("10.77.0.0/16"), netip.MustParsePrefix("10.9.0.0/24")}, Servers: []netip.Addr{netip.MustParseAddr("10.9.0.1")}, Domains: []string{"corp.test"}, Transport: "DTLS"}
		want := session.VPNFact{VPNSettings: session.VPNSettings{ID: id, Address: "vpn.example.com", Protocol: session.VPNAnyConnect, Fingerprint: pin + " pin-sha256:b"}, Phase: session.VPNConnected, Since: at, VPNLink: link,
			Left: []session.VPNLeft{{What: "a.test", Why: session.VPNLeftOurs}, {What: "b.test", Why: session.VPNLeftOurs}, {What: "10.0.0.0/8", Why: session.VPNLeftHere}}}
		if diff := cmp.Diff(want, w.one(), plain); diff != "" {
			t.Error(diff)
		}
		w.must(w.turn(hook.AttemptReconnect))
		w.phase(session.VPNReconnecting)
		w.must(w.turn(hook.Reconnect))
		w.phase(session.VPNConnected)
		w.must(w.vpn.Disconnect(id))
		w.failed("")
		if !w.run().stopped || len(w.applied) != 2 || !slices.Equal(w.owned, []string{"tidev1000=" + id, "tidev1000="}) {
			t.Errorf("it ended: stopped %v, applied %d times, owned %v", w.run().stopped, len(w.applied), w.owned)
		}
		// Connecting and disconnecting may be told together with what follows.
		phases := slices.DeleteFunc(slices.Clone(w.phases), func(p string) bool { return p == "disconnecting" })
		if diff := cmp.Diff([]string{"-", "signing-in", "connecting", "connected", "reconnecting", "connected", "-"}, phases); diff != "" {
			t.Error(diff)
		}
		w.clean("hunter2")
		w.clean("tide\"")
	})
}

// TestAnswer sends what is typed as it is typed, also where it is shown.
func TestAnswer(t *testing.T) {
	in(t, func(w *world) {
		got := make(chan []session.Secret, 1)
		w.signIn = func(ctx context.Context, ask openconnect.Ask) error {
			values, err := ask.Form(ctx, openconnect.Form{Fields: []session.VPNField{{Kind: session.VPNText, Label: "Challenge 8271"}}})
			got <- values
			return err
		}
		w.must(w.vpn.Connect(w.add("vpn.example.com")))
		w.must(w.vpn.Answer(w.prompt().ID, []session.Secret{" two  words "}))
		if v := <-got; len(v) != 1 || v[0] != " two  words " {
			t.Errorf("%d values, and not as they were typed", len(v))
		}
	})
}

// TestConflictMoves has our own addresses move away from the VPN's.
func TestConflictMoves(t *testing.T) {
	in(t, func(w *world) {
		times := 0
		w.setApply(func(context.Context) error {
			if times++; times < 4 {
				return refused(protocol.Conflict)
			}
			return nil
		})
		w.connected()
		if times != 4 {
			t.Errorf("it was tried %d times", times)
		}
	})
}

func TestOneAtATime(t *testing.T) {
	in(t, func(w *world) {
		first := w.connected()
		second := w.add("other.example.com")
		err := w.vpn.Connect(second)
		f := w.now().Connections[1]
		if err == nil || !strings.Contains(err.Error(), "vpn.example.com") || f.Failure == nil || f.Failure.Code != session.VPNBusy || f.Phase != session.VPNDisconnected {
			t.Errorf("the second is %+v, %v", f, err)
		}
		if err := w.vpn.Remove(first); err == nil || !strings.Contains(err.Error(), "isconnect") {
			t.Errorf("one that is up is removed: %v", err)
		}
		s := w.now().Connections[0].VPNSettings
		s.Address = "elsewhere.example.com"
		if err := w.vpn.Save(s); err == nil {
			t.Error("the address of one that is up is changed")
		}
		s.Address, s.Name = "vpn.example.com", "Office"
		w.must(w.vpn.Save(s))
		if f := w.now().Connections[0]; f.Name != "Office" || f.Phase != session.VPNConnected {
			t.Errorf("it is %+v", f)
		}
		w.must(w.vpn.Disconnect(first))
		if f := w.now().Connections[1]; f.Failure != nil {
			t.Errorf("nobody has the tunnel, and yet %+v", f.Failure)
		}
		w.must(w.vpn.Connect(second))
		w.now()
		w.must(w.turn(hook.Connect))
		w.must(w.vpn.Remove(first))
		if list := w.now().Connections; len(list) != 1 || list[0].ID != second || list[0].Phase != session.VPNConnected {
			t.Errorf("there are %+v", list)
		}
		for _, err := range []error{w.vpn.Connect(first), w.vpn.Disconnect(first), w.vpn.Remove(first), w.vpn.Save(session.VPNSettings{ID: first, Address: "a.test", Protocol: session.VPNPulse})} {
			if err == nil {
				t.Error("one that is removed is there")
			}
		}
	})
}

// TestInTurn connects and disconnects faster than the server takes leave: what is
// refused says what to do, and leaves nothing.
func TestInTurn(t *testing.T) {
	in(t, func(w *world) {
		first := w.connected()
		second := w.add("other.example.com")
		leave := make(chan struct{})
		w.run().leave = leave
		for range 3 {
			w.must(w.vpn.Disconnect(first))
		}
		for _, id := range []string{first, second} {
			if err := w.vpn.Connect(id); err == nil || !strings.Contains(err.Error(), "in a moment") {
				t.Errorf("while it ends: %v", err)
			}
		}
		for _, c := range w.now().Connections {
			if c.Failure != nil || c.ID == first && c.Phase != session.VPNDisconnecting {
				t.Errorf("while it ends it is %+v", c)
			}
		}
		close(leave)
		w.now()
		for range 3 {
			w.must(w.vpn.Connect(second))
			w.must(w.vpn.Disconnect(second))
			w.now()
		}
		w.must(w.vpn.Connect(first))
		w.now()
		w.must(w.turn(hook.Connect))
		for _, c := range w.now().Connections {
			if c.Failure != nil || c.ID == first && c.Phase != session.VPNConnected || c.ID == second && c.Phase != session.VPNDisconnected {
				t.Errorf("in the end it is %+v", c)
			}
		}
	})
}

// TestQuit ends all while it signs in, while it is up, and while the helper is away.
func TestQuit(t *testing.T) {
	for name, reach := range map[string]func(w *world){
		"while it asks": func(w *world) {
			w.signIn = func(ctx context.Context, ask openconnect.Ask) error {
				_, err := ask.Form(ctx, openconnect.Form{Fields: []session.VPNField{{Label: "User"}}})
				return err
			}
			w.must(w.vpn.Connect(w.add("vpn.example.com")))
			w.prompt()
		},
		"while it is up": func(w *world) { w.connected() },
		"while the helper works": func(w *world) {
			w.must(w.vpn.Connect(w.add("vpn.example.com")))
			w.now()
			w.setApply(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
			go w.turn(hook.Connect)
			w.now()
		},
		"while the helper is away": func(w *world) {
			w.connected()
			w.setOpens(errNoHelper)
			w.leases[0].lose()
			w.now()
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(w *world) {
				reach(w)
				w.quit()
				w.now()
				for _, r := range w.runs {
					if !r.stopped {
						t.Error("openconnect was not told")
					}
				}
				if err := w.vpn.Connect("x"); !errors.Is(err, errEnding) {
					t.Errorf("it takes commands: %v", err)
				}
			})
		})
	}
}

// TestReport waits for who hears the reports, and who commands meanwhile: neither
// stops the other.
func TestReport(t *testing.T) {
	in(t, func(w *world) {
		w.connected()
		w.blocked = make(chan struct{})
		for i := range 20 {
			w.must(w.vpn.Save(session.VPNSettings{Address: fmt.Sprintf("vpn%d.example.com", i), Protocol: session.VPNPulse}))
		}
		close(w.blocked)
		if f := w.now(); len(f.Connections) != 21 {
			t.Errorf("the last report has %d connections", len(f.Connections))
		}
		w.blocked = nil
	})
}

// TestBytes tells of bytes alone each 15 seconds, and of none if there are none.
func TestBytes(t *testing.T) {
	in(t, func(w *world) {
		w.up.Store(100)
		id := w.connected()
		before := w.reports()
		for range 60 {
			w.up.Add(10)
			time.Sleep(time.Second)
		}
		if c := w.one(); c.Up < 450 || c.Up > 600 || c.Down != 2*c.Up {
			t.Errorf("%d bytes up, %d down", c.Up, c.Down)
		}
		if n := w.reports() - before; n < 3 || n > 4 {
			t.Errorf("a minute is told by %d reports", n)
		}
		time.Sleep(bytesEvery)
		before = w.reports()
		time.Sleep(time.Minute)
		if w.reports() != before {
			t.Errorf("nothing is told by %d reports", w.reports()-before)
		}
		w.run().mu.Lock()
		w.run().by = "ESP"
		w.run().mu.Unlock()
		time.Sleep(glances)
		if c := w.one(); c.Transport != "ESP" {
			t.Errorf("it is carried by %q", c.Transport)
		}
		asked := w.run().times()
		time.Sleep(time.Hour)
		if n := w.run().times() - asked; n > 61 {
			t.Errorf("in a quiet hour it is asked %d times", n)
		}
		w.must(w.vpn.Disconnect(id))
		if c := w.one(); c.Up != 0 {
			t.Errorf("%d bytes remain", c.Up)
		}
	})
}

// TestTold hears from the helper what has changed under way.
func TestTold(t *testing.T) {
	in(t, func(w *world) {
		id := w.connected()
		w.leases[0].told <- protocol.VPNTold{Left: map[protocol.Code][]string{protocol.Full: {"10.1.0.0/16"}}, Taken: []protocol.Taken{
			{Route: netip.MustParsePrefix("10.8.0.0/16"), Times: 3},
			{Route: netip.MustParsePrefix("10.77.0.0/16"), Times: 3, Gone: true, Rule: true},
		}}
		f := w.now()
		want := []session.VPNConflict{{Feature: session.VPNRouteMonitoring, Connection: id, Adapter: "tidev1000", Harm: session.VPNHarmRoutes, Evidence: "another program has deleted the rule for 10.77.0.0/16, 3 times"}}
		if diff := cmp.Diff(want, f.Conflicts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]session.VPNLeft{{What: "10.1.0.0/16", Why: session.VPNLeftFull}}, f.Connections[0].Left); diff != "" {
			t.Error(diff)
		}
		w.leases[0].told <- protocol.VPNTold{Taken: []protocol.Taken{{Route: netip.MustParsePrefix("10.8.0.0/16"), Times: 1}}}
		if left := w.one().Left; len(left) > 0 {
			t.Errorf("what there is room for now is left out: %v", left)
		}
		if f := w.now(); len(f.Conflicts) != 1 || f.Conflicts[0].How != session.VPNServedRoutes || f.Conflicts[0].Harm != "" {
			t.Errorf("it is served as %+v", f.Conflicts)
		}
		many := []string{"CISCO_SPLIT_INC=1100"}
		for i := range 1100 {
			many = append(many, fmt.Sprintf("CISCO_SPLIT_INC_%d_ADDR=10.%d.%d.0", i, i/256, i%256), fmt.Sprintf("CISCO_SPLIT_INC_%d_MASKLEN=24", i))
		}
		w.must(w.turn(hook.Reconnect, many...))
		w.leases[0].told <- protocol.VPNTold{}
		if left := w.one().Left; len(left) < 76 || left[0].Why != session.VPNLeftFull {
			t.Errorf("of what there was no room for it says %v", left)
		}
		w.must(w.vpn.Disconnect(id))
		if f := w.now(); len(f.Conflicts) != 0 {
			t.Errorf("it stays: %+v", f.Conflicts)
		}
	})
}

// TestLeft says of the tunnel what it has, and not what its server wanted.
func TestLeft(t *testing.T) {
	in(t, func(w *world) {
		w.must(w.vpn.Connect(w.add("vpn.example.com")))
		w.now()
		w.must(w.turn(hook.Connect, "CISCO_SPLIT_INC=", "INTERNAL_IP4_DNS=10.9.0.1 10.10.0.1", "CISCO_SPLIT_DNS=zta.test,10.in-addr.arpa"))
		all := w.one().VPNLink
		if !all.Full4 || !all.AllNames || len(all.Servers) != 2 || len(all.Domains) != 3 || len(all.Routes) != 1 {
			t.Fatalf("it has %+v", all)
		}
		for name, row := range map[string]struct {
			left []string
			want func(*session.VPNLink)
		}{
			"nothing":                  {nil, func(*session.VPNLink) {}},
			"a network":                {[]string{"10.9.0.0/24"}, func(l *session.VPNLink) { l.Routes = nil }},
			"everything":               {[]string{"0.0.0.0/0", "."}, func(l *session.VPNLink) { l.Full4, l.AllNames = false, false }},
			"half of everything":       {[]string{"128.0.0.0/1"}, func(l *session.VPNLink) { l.Full4 = false }},
			"a domain":                 {[]string{"zta.test"}, func(l *session.VPNLink) { l.Domains = []string{"corp.test", "10.in-addr.arpa"} }},
			"a server":                 {[]string{"10.10.0.1"}, func(l *session.VPNLink) { l.Servers = l.Servers[:1] }},
			"the servers: what is for": {[]string{"10.10.0.1", "10.9.0.1"}, func(l *session.VPNLink) { l.Servers, l.Domains, l.AllNames = nil, nil, false }},
		} {
			w.leases[0].told <- protocol.VPNTold{Left: map[protocol.Code][]string{protocol.Outside: row.left}}
			want := all
			row.want(&want)
			if diff := cmp.Diff(want, w.one().VPNLink, plain, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("without %s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestFound finds an openconnect that is installed while it runs, and others' VPNs.
func TestFound(t *testing.T) {
	in(t, func(w *world) {
		w.absent = openconnect.ErrAbsent
		w.quit()
		<-w.ended
		w.boot()
		w.add("vpn.example.com")
		if f := w.now(); f.Engine != "" {
			t.Errorf("it is there: %q", f.Engine)
		}
		w.mu.Lock()
		w.absent = nil
		w.mu.Unlock()
		time.Sleep(2 * lookEvery)
		if f := w.now(); f.Engine != "9.12" {
			t.Error("it is not found")
		}
		w.sensed <- []session.VPNOther{{Program: "openvpn"}}
		if f := w.now(); len(f.Others) != 1 {
			t.Errorf("there are %+v", f.Others)
		}
	})
}

// It is said that a VPN is about to come up before it has any route.
func TestAhead(t *testing.T) {
	in(t, func(w *world) {
		said := false
		w.vpn.o.Ahead = func() { said = true }
		w.setApply(func(context.Context) error {
			if !said {
				t.Error("nobody was told")
			}
			return nil
		})
		w.connected()
	})
}
