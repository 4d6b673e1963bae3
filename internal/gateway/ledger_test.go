package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// ledger is a controller that keeps what the gateway tells it, in virtual time.
type ledger struct {
	*authority
	mu      sync.Mutex
	records []wire.AuditRecord
	alerts  []wire.GatewayAlert
	away    int // how many alerts and wakes it does not take at first
	wakes   []wire.GatewayWake
}

// recorded is for newSim.
func recorded(s *sim, o *Options) {
	s.ledger = &ledger{authority: s.authority}
	o.Uplink = s.ledger
}

// RoundTrip implements http.RoundTripper. There are no events; a test hands the
// gateway what it is to learn.
func (l *ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	reply := func(status int, body io.ReadCloser) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: body, Request: r}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r.URL.Path {
	case wire.PathGatewayKeys:
		return reply(http.StatusOK, io.NopCloser(strings.NewReader(string(l.jwks()))))
	case wire.PathGatewayReport:
		var rep wire.GatewayReport
		if err := json.NewDecoder(r.Body).Decode(&rep); err != nil {
			return nil, err
		}
		l.records = append(l.records, rep.Records...)
	case wire.PathGatewayAlert:
		if l.away > 0 {
			l.away--
			return reply(http.StatusServiceUnavailable, http.NoBody)
		}
		var a wire.GatewayAlert
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
			return nil, err
		}
		l.alerts = append(l.alerts, a)
	case wire.PathGatewayWake:
		if l.away > 0 {
			l.away--
			return reply(http.StatusServiceUnavailable, http.NoBody)
		}
		var k wire.GatewayWake
		if err := json.NewDecoder(r.Body).Decode(&k); err != nil {
			return nil, err
		}
		l.wakes = append(l.wakes, k)
	case wire.PathGatewayEvents:
		body, _ := io.Pipe()
		return reply(http.StatusOK, quiet{body, r})
	}
	return reply(http.StatusNoContent, http.NoBody)
}

// quiet is an event stream on which nothing comes, until its request is over.
type quiet struct {
	io.ReadCloser
	r *http.Request
}

func (q quiet) Read([]byte) (int, error) {
	<-q.r.Context().Done()
	return 0, q.r.Context().Err()
}

// take returns what has been recorded since the last call, once it is quiet.
func (l *ledger) take() []wire.AuditRecord {
	time.Sleep(2 * auditGather)
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.records
	l.records = nil
	return out
}

// tell is records in short: kind, what of, why, and what came of it.
func tell(records []wire.AuditRecord, kinds ...string) []string {
	var out []string
	for _, r := range records {
		if !slices.Contains(kinds, r.Kind) {
			continue
		}
		of := string(r.Entitlement)
		if r.Kind == "script-run" {
			of = r.Target
		}
		line := r.Kind + " " + of + " " + string(r.Trigger)
		if !r.Allow {
			line += " no"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// learnScripts has the gateway hear of scripts.
func (s *sim) learnScripts(t *testing.T, revision uint64, scripts ...wire.Script) {
	t.Helper()
	if err := s.g.learnScripts(s.token(wire.TypeScripts, wire.ScriptsToken{Revision: revision, Issuer: "test", Scripts: scripts})); err != nil {
		t.Fatal(err)
	}
}

// learnRisk has the gateway hear of a user's risk.
func (s *sim) learnRisk(t *testing.T, revision uint64, risk map[string]wire.Risk) {
	t.Helper()
	if err := s.g.learn(s.token(wire.TypePolicy, wire.PolicyToken{Revision: revision, Risk: risk})); err != nil {
		t.Fatal(err)
	}
}

// report puts device claims.
func (c *client) report(claims wire.DeviceClaims) *wire.Problem {
	c.t.Helper()
	return c.put(wire.PathDataDevice, wire.DeviceReport{Claims: claims})
}

func (c *client) put(path string, v any) *wire.Problem {
	c.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPut, "https://gateway.test"+path, strings.NewReader(string(b)))
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := c.h3.RoundTrip(r)
	if err != nil {
		c.t.Fatalf("PUT %s: %v", path, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return wire.ReadProblem(res.StatusCode, res.Body)
	}
	return nil
}
