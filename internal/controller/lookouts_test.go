package controller

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/controller/store"
	"github.com/tidegate/tidegate/internal/wire"
)

// TestForecastIsBounded looks ahead for many entitlements, each under a condition
// of its own that turns all the time: the answer stays one that clients read, and
// where the work is to stop it does, with every entitlement still named.
func TestForecastIsBounded(t *testing.T) {
	const entitlements = 200
	var text strings.Builder
	for i := range entitlements {
		fmt.Fprintf(&text, `
---
apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: turns-at-%[1]d}
spec: {criteria: 'now.getMinutes() %% 2 == 0 && now.getHours() != %[2]d || within(responses.mfa, duration("%[1]ds"))', interactions: [{kind: mfa}]}
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: an-entitlement-with-a-name-as-people-give-them-%[1]d}
spec: {site: hq, conditions: [turns-at-%[1]d], actions: [{hosts: [host-%[1]d.test], ports: [443]}]}
---
apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: gives-%[1]d}
spec: {assign: {everyone: true}, entitlements: [an-entitlement-with-a-name-as-people-give-them-%[1]d]}
`, i+1000, i%24)
	}
	conf := &configured{Config: configWith(t, text.String())}
	s := sessionRecord{User: "alice", Expires: time.Now().Add(10 * 24 * time.Hour)}
	for i := range entitlements {
		s.Policies = append(s.Policies, fmt.Sprintf("gives-%d", i+1000))
	}
	look := func(stop func() bool) (f wire.Forecast, spans int) {
		f = lookAhead(conf, s, riskRecord{}, time.Now(), stop)
		named := 0
		for _, l := range f.Lines {
			named, spans = named+len(l.Entitlements), spans+len(l.Spans)
		}
		if named != entitlements {
			t.Fatalf("it tells of %d entitlements", named)
		}
		return f, spans
	}
	f, spans := look(nil)
	if b, err := json.Marshal(f); err != nil || len(b) >= wire.MaxBody || spans > wire.MaxForecastSpans || spans < wire.MaxForecastSpans*9/10 {
		t.Errorf("%d bytes, %d spans, %v", len(b), spans, err)
	}
	asked := 0
	if _, spans := look(func() bool { asked++; return asked > 7 }); spans > 7 || spans == 0 {
		t.Errorf("%d spans in seven steps", spans)
	}
}

func TestForecastRate(t *testing.T) {
	conf, dir := exampleConfig(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, conf, dir, &store.Memory{})
		p, other := b.device("alice"), b.device("alice")
		p.signIn()
		time.Sleep(time.Minute) // codes count once
		other.signIn()
		for range lookBurst {
			p.must(http.StatusOK, "GET", wire.PathForecast, nil)
		}
		w := p.must(http.StatusTooManyRequests, "GET", wire.PathForecast, nil)
		if after := w.Header().Get("Retry-After"); after == "" {
			t.Error("it is not told when to ask again")
		}
		other.must(http.StatusOK, "GET", wire.PathForecast, nil)
		time.Sleep(lookEvery)
		p.must(http.StatusOK, "GET", wire.PathForecast, nil)
		p.must(http.StatusTooManyRequests, "GET", wire.PathForecast, nil)
		time.Sleep(time.Hour)
		p.must(http.StatusOK, "GET", wire.PathForecast, nil)
		if n := len(b.lookouts.full); n != 1 {
			t.Errorf("%d devices are remembered an hour later", n)
		}

		for range lookers { // others are at it, and do not end
			b.lookouts.turns <- struct{}{}
		}
		p.must(http.StatusServiceUnavailable, "GET", wire.PathForecast, nil)
		<-b.lookouts.turns
		p.must(http.StatusOK, "GET", wire.PathForecast, nil)
		<-b.lookouts.turns
	})
}
