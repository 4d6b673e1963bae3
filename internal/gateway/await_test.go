package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
)

// slowHosts is an entitlement script that names what http://10.0.0.8/ says.
var slowHosts = wire.Script{Name: "hosts", Kind: wire.ScriptEntitlement, HTTP: []string{"http://10.0.0.8"}, Keep: wire.Duration(time.Hour), Timeout: wire.Duration(30 * time.Second),
	Source: "def main(ctx):\n    return http.get(\"http://10.0.0.8/\").body.split()\n"}

// scripted is an entitlement to what slowHosts names, port 22.
func (k ticket) scripted(criteria string) ticket {
	k = k.entitle("app", "static.test", 23, criteria)
	e := &k.entitlements[len(k.entitlements)-1]
	e.Actions = []wire.Action{{Effect: wire.EffectAllow, Protocol: wire.TCP, Ports: []uint16{22}, Script: "hosts"}}
	return k
}

// within waits for the answer to a CONNECT, for so long at most.
func (s *sim) within(t *testing.T, str *http3.RequestStream, limit time.Duration) int {
	t.Helper()
	got := make(chan int, 1)
	go func() {
		res, err := str.ReadResponse()
		if err != nil {
			got <- 0
			return
		}
		got <- res.StatusCode
	}()
	select {
	case status := <-got:
		return status
	case <-time.After(limit):
		t.Errorf("no answer within %s", limit)
		str.CancelRead(codeAborted)
		<-got
		return 0
	}
}

// TestWaitingFlowsAreAnswered: a flow that waits for a script is answered once
// nothing is awaited any more, whatever the reason.
func TestWaitingFlowsAreAnswered(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(t *testing.T, s *sim, c *client, k ticket)
		status int
	}{
		{"the script is gone", func(t *testing.T, s *sim, c *client, k ticket) { s.learnScripts(t, 2) }, http.StatusForbidden},
		{"the rules need it no more", func(t *testing.T, s *sim, c *client, k ticket) {
			k.entitlements = nil
			if p := c.renew(k.entitle("app", "app.test", 22, "")); p != nil {
				t.Error(p)
			}
			<-s.apps
		}, http.StatusOK},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, recorded, serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
				synctest.Wait()
				s.learnScripts(t, 1, slowHosts)
				c := s.client(t, s.device)
				k := s.authority.ticket(s.device).scripted("")
				c.admit(k)
				str := c.open("app.test:22", "")
				time.Sleep(time.Second)
				row.change(t, s, c, k)
				if status := s.within(t, str, time.Second); status != row.status {
					t.Errorf("answered %d", status)
				}
			})
		})
	}
}

// TestDeniedFlowWaitsForNothing: a flow that waits its turn for a run is answered
// though the run is not worth while any more.
func TestDeniedFlowWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var says atomic.Value
		says.Store("app.test")
		s := newSim(t, recorded, serve(t, answering(&says)))
		synctest.Wait()
		s.learnScripts(t, 1, slowHosts)
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).scripted("device.firewall")
		k.claims = wire.DeviceClaims{"firewall": true}
		c.admit(k)
		time.Sleep(300 * time.Millisecond)
		str := c.open("third.test:22", "")
		time.Sleep(300 * time.Millisecond)
		if p := c.report(wire.DeviceClaims{"firewall": false}); p != nil {
			t.Fatal(p)
		}
		if status := s.within(t, str, 2*time.Second); status != http.StatusForbidden {
			t.Errorf("answered %d", status)
		}
	})
}

// TestUndecidedFlowPassesNothing: while it is not known whether the renewed rules
// still allow a flow, nothing passes; afterwards it goes on, or is cut.
func TestUndecidedFlowPassesNothing(t *testing.T) {
	for _, leads := range []string{"10.1.0.1", "10.1.0.2"} {
		t.Run(leads, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &names{addrs: map[string][]string{"wiki.test": {"10.1.0.1"}, "slow.test": {leads}}}
				s := newSim(t, named(n), func(_ *sim, o *Options) {
					o.Resolve = func(ctx context.Context, name string) ([]netip.Addr, error) {
						if name == "slow.test" {
							time.Sleep(3 * time.Second)
						}
						return n.resolve(ctx, name)
					}
				})
				synctest.Wait()
				c := s.client(t, s.device)
				k := s.authority.ticket(s.device).entitle("app", "wiki.test", 22, "")
				c.admit(k)
				str, app := s.echo(c, "wiki.test:22")
				ping(t, str, "allowed")
				if p := c.renew(k.refusing(wire.EffectBlock, "dns://slow.test", 22)); p != nil {
					t.Fatal(p)
				}
				began := time.Now()
				if leads == "10.1.0.1" {
					str.Write([]byte("must not pass"))
					expectReset(t, str, codeCut)
					app.expectReset(t)
				} else {
					ping(t, str, "awaited")
				}
				if took := time.Since(began); took < 2900*time.Millisecond || took > 3200*time.Millisecond {
					t.Errorf("after %s", took)
				}
			})
		})
	}
}

// TestHostsAreAskedForAgain: what a script named before its entitlement was
// denied does not count once that is allowed again: flows wait for another run.
func TestHostsAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var says atomic.Value
		says.Store("app.test")
		s := newSim(t, recorded, serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(500 * time.Millisecond)
			answering(&says)(w, r)
		}))
		synctest.Wait()
		s.learnScripts(t, 1, slowHosts)
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).scripted("device.firewall")
		k.claims = wire.DeviceClaims{"firewall": true}
		c.admit(k)
		s.echo(c, "app.test:22")
		report := func(on bool) {
			t.Helper()
			if p := c.report(wire.DeviceClaims{"firewall": on}); p != nil {
				t.Fatal(p)
			}
		}
		report(false)
		says.Store("other.test")
		time.Sleep(time.Hour)
		if p, _ := c.refusedFlow("app.test:22"); p.Code != wire.CodeDenied { // what the user can mend is told
			t.Errorf("%+v", p)
		}
		report(true)
		if p, _ := c.refusedFlow("app.test:22"); p.Code != wire.CodeNotEntitled {
			t.Errorf("%+v", p)
		}
		if p, _ := c.refusedFlow("other.test:22"); p.Code != wire.CodeAppUnreachable { // allowed, and nowhere
			t.Errorf("%+v", p)
		}
	})
}

// TestScriptsAfterClockSetBack: a clock that was ahead puts off no run.
func TestScriptsAfterClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var says atomic.Value
		says.Store("app.test")
		var offset atomic.Int64
		offset.Store(int64(24 * time.Hour))
		s := newSim(t, recorded, serve(t, answering(&says)), func(_ *sim, o *Options) {
			o.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())).Round(0) }
		})
		synctest.Wait()
		s.learnScripts(t, 1, slowHosts)
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).scripted("")
		k.lifetime = 72 * time.Hour
		c.admit(k)
		s.echo(c, "app.test:22")
		says.Store("other.test")
		offset.Store(0)
		time.Sleep(clockEvery + time.Second)
		if status := s.within(t, c.open("other.test:22", ""), 2*time.Second); status != http.StatusBadGateway { // allowed, and nowhere
			t.Errorf("answered %d", status)
		}
	})
}
