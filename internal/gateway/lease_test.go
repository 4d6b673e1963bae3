package gateway

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestCutAtExpiry lets a lease end that nobody renews: warned, cut at both ends
// at that instant, told why.
func TestCutAtExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).entitle("app", "app.test", 22, `within(responses.mfa, duration("700ms"))`, wire.InteractionMFA)
		k.settings.StampRounding, k.settings.WarningLead = 0, wire.Duration(300*time.Millisecond)
		end := time.Now().Add(700 * time.Millisecond)
		v, first := c.admit(k.answered(wire.InteractionMFA, end.Add(-700*time.Millisecond)))
		if !first.Verdicts[0].Allow || !first.Verdicts[0].NotAfter.Equal(end) {
			t.Fatalf("verdict %+v, want until %s", first.Verdicts[0], end)
		}
		str, app := s.echo(c, "app.test:22")
		ping(t, str, "hello")
		due := v.next()
		if w := due.Verdicts[0]; !w.Allow || !w.Due || len(w.Interactions) != 1 || !due.At.Equal(end.Add(-300*time.Millisecond)) {
			t.Errorf("the warning is %+v", due)
		}
		expectReset(t, str, codeCut)
		if late := time.Since(end); late < 0 || late > 50*time.Millisecond {
			t.Errorf("cut %s after the end of the lease", late)
		}
		app.expectReset(t)
		if denied := v.next().Verdicts[0]; denied.Allow || denied.Reason.Kind != wire.ReasonMFA || len(denied.Interactions) != 1 {
			t.Errorf("the denial is %+v", denied)
		}
	})
}

// TestRenewalKeepsFlowsAlive renews when warned, and pings across the instant at
// which the old lease would have ended.
func TestRenewalKeepsFlowsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).entitle("app", "app.test", 22, `within(responses.mfa, duration("1s"))`, wire.InteractionMFA)
		k.settings.StampRounding, k.settings.WarningLead = 0, wire.Duration(500*time.Millisecond)
		begin := time.Now()
		v, _ := c.admit(k.answered(wire.InteractionMFA, begin))
		str, _ := s.echo(c, "app.test:22")
		if due := v.next().Verdicts[0]; !due.Due {
			t.Fatalf("the warning is %+v", due)
		}
		if p := c.renew(k.answered(wire.InteractionMFA, begin.Add(time.Hour))); p != nil {
			t.Fatal(p)
		}
		if again := v.next().Verdicts[0]; !again.Allow || again.Due || !again.NotAfter.Equal(begin.Add(time.Hour+time.Second)) {
			t.Errorf("the renewed verdict is %+v", again)
		}
		for time.Since(begin) < 1200*time.Millisecond {
			ping(t, str, "still here")
		}
	})
}

// TestNothingPassesAfterTheLease keeps the session's own goroutine busy across
// the end of a lease: the flow itself must not pass anything either.
func TestNothingPassesAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t)
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).entitle("app", "app.test", 22, `within(responses.mfa, duration("500ms"))`, wire.InteractionMFA)
		k.settings.StampRounding = 0
		end := time.Now().Add(500 * time.Millisecond)
		c.admit(k.answered(wire.InteractionMFA, end.Add(-500*time.Millisecond)))
		str := c.flow("app.test:22")
		app := <-s.apps
		go func() {
			for {
				if _, err := app.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(2 * time.Millisecond)
			}
		}()
		session := s.g.registry.all()[0]
		go session.call(func() { time.Sleep(time.Until(end.Add(600 * time.Millisecond))) })
		var last time.Time
		n := 0
		buf := make([]byte, 64)
		for {
			got, err := str.Read(buf)
			n += got
			if err != nil {
				break
			}
			last = time.Now()
		}
		if late := last.Sub(end); n < 100 || late > 50*time.Millisecond { // the way takes 20 ms
			t.Errorf("%d bytes, the last %s after the end of the lease", n, late)
		}
		if ended := time.Since(end); ended < 600*time.Millisecond {
			t.Errorf("the session was not busy: reset %s after the end of the lease", ended)
		}
	})
}

// TestRevocationAmidManyFlows opens flows from many goroutines while the session
// is revoked: none survives, none is left behind.
func TestRevocationAmidManyFlows(t *testing.T) {
	s := newSite(t, echo, nil)
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket())
	const workers, each = 16, 30
	half := make(chan struct{}, workers*each)
	var open sync.WaitGroup
	for range workers {
		open.Go(func() {
			for range each {
				str := c.open(s.app, "hi")
				half <- struct{}{}
				res, err := str.ReadResponse()
				if err != nil || res.StatusCode != http.StatusOK {
					continue
				}
				open.Go(func() { readToEnd(t, str) })
			}
		})
	}
	for range workers * each / 2 {
		<-half
	}
	revoked := map[wire.SessionID]time.Time{"s-1": time.Now().Add(time.Hour)}
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: 2, Revoked: revoked})); err != nil {
		t.Fatal(err)
	}
	open.Wait()
	if n := len(s.g.registry.all()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// readToEnd needs the flow's reset: its echo never ends by itself.
func readToEnd(t *testing.T, str *http3.RequestStream) {
	if _, err := io.Copy(io.Discard, str); err == nil {
		t.Error("a flow ended without a reset")
	}
}
