package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestSessionThatEndedGivesWay: a session that has ended gives its place to the
// next of its id, though its client reads no events and its stream hangs.
func TestSessionThatEndedGivesWay(t *testing.T) {
	g, err := New(Options{Config: Config{Name: "gw", Site: "north", State: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	old := newSession(g, visitor("s-1", ""), nil)
	if p := g.registry.add(old); p != nil {
		t.Fatal(p)
	}
	old.gone = true
	close(old.done) // its request still writes
	old.yield()
	added := make(chan *wire.Problem, 1)
	next := newSession(g, visitor("s-1", ""), nil)
	go func() { added <- g.registry.add(next) }()
	select {
	case p := <-added:
		if p != nil || g.registry.all()[0] != next {
			t.Errorf("%v", p)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for ever")
		g.registry.remove(old)
		<-added
	}
}

// TestUnreadEventsHoldNobody: once its session has ended, a stream that nobody
// reads ends as well.
func TestUnreadEventsHoldNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		k := s.authority.ticket(s.device)
		for i := range 400 {
			k = k.entitle(wire.EntitlementID(fmt.Sprint("app-", i)), "app.test", 22, "device.firewall")
		}
		k.claims = wire.DeviceClaims{"firewall": true}
		c := s.client(t, s.device)
		res := c.post(http.MethodPost, k)
		if res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
		for i := range 60 { // more than the client's windows take
			if p := c.report(wire.DeviceClaims{"firewall": i%2 == 1}); p != nil {
				t.Fatal(p)
			}
			synctest.Wait()
		}
		again := s.client(t, s.device)
		began := time.Now()
		again.admit(k)
		if took := time.Since(began); took > time.Second {
			t.Errorf("admitted after %s", took)
		}
		time.Sleep(2 * writeTimeout)
		if n := len(s.g.registry.all()); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

// TestReportStorm: a client that reports without end has scripts run once a
// second, not once a report.
func TestReportStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		s.learnScripts(t, 1, hostsScript("hosts"))
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).scripted("!device.firewall")
		c.admit(k)
		for i := range 400 { // 20 ms each
			if p := c.report(wire.DeviceClaims{"firewall": i%2 == 1, "n": fmt.Sprint(i)}); p != nil {
				t.Fatal(p)
			}
		}
		time.Sleep(2 * time.Second)
		records := s.ledger.take()
		if runs := len(tell(records, "script-run")); runs < 5 || runs > 12 {
			t.Errorf("%d runs in 8 seconds", runs)
		}
		if p := c.report(wire.DeviceClaims{"firewall": false}); p != nil {
			t.Fatal(p)
		}
		s.echo(c, "app.test:22") // and the last report counts
	})
}

// TestAlertStorm: nobody's alerts keep another's from the controller.
func TestAlertStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		c := s.client(t, s.device)
		c.admit(s.authority.ticket(s.device).entitle("bait", "10.0.0.0/8", 22, "").refusing(wire.EffectAlert, "10.0.0.0/8", 22))
		for i := range 1000 {
			c.refusedFlow(fmt.Sprintf("10.1.%d.%d:22", i/250, i%250))
		}
		n := len(tell(s.ledger.take(), "alert"))
		if n < maxAlerted || n > 4*maxAlerted {
			t.Errorf("%d alerts in 20 seconds", n)
		}
	})
}

// refusingAlerts is a controller that takes none.
type refusingAlerts struct {
	*ledger
	tries int
}

func (r *refusingAlerts) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Path != wire.PathGatewayAlert {
		return r.ledger.RoundTrip(q)
	}
	r.tries++
	return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: http.NoBody, Request: q}, nil
}

// TestRefusedAlert: an alert that the controller refuses holds up no other.
func TestRefusedAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &refusingAlerts{ledger: &ledger{authority: newAuthority(t)}}
		u := &uplink{base: "https://controller.test", client: &http.Client{Transport: r}}
		if err := u.sendAlert(context.Background(), wire.GatewayAlert{}); err == nil || r.tries != 1 {
			t.Errorf("%v after %d tries", err, r.tries)
		}
	})
}

// TestAuditOfOthers: whoever floods the record while the controller is away
// leaves room for the others.
func TestAuditOfOthers(t *testing.T) {
	a := newAuditor()
	for range 2 * auditQueue {
		a.record(wire.AuditRecord{User: "mallory", Kind: "flow-denied"})
	}
	for range 100 {
		a.record(wire.AuditRecord{User: "alice", Kind: "verdict"})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	alice := 0
	for batch := a.batch(ctx); batch != nil; batch = a.batch(ctx) {
		for _, r := range batch {
			if r.User == "alice" {
				alice++
			}
		}
	}
	if alice != 100 || a.dropped.Load() == 0 {
		t.Errorf("%d of 100 kept, %d dropped", alice, a.dropped.Load())
	}
	if len(a.waiting) != 0 {
		t.Errorf("%v wait", a.waiting)
	}
}

// TestReportsAreBounded: in a session request as well.
func TestReportsAreBounded(t *testing.T) {
	long := make([]any, maxItems+1)
	for i := range long {
		long[i] = "10.0.0.1"
	}
	for name, claims := range map[string]wire.DeviceClaims{
		"a long list": {"addresses": long},
		"a long text": {"hostname": strings.Repeat("x", maxReport)},
	} {
		if checkReport(claims) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if p := checkReport(wire.DeviceClaims{"addresses": long[:maxItems], "hostname": "desk-1"}); p != nil {
		t.Error(p)
	}
}
