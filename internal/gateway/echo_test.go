package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/tidegate/tidegate/internal/wire"
)

// echo asks for a ping.
func (c *client) echo(t *testing.T, req wire.EchoRequest) (wire.EchoReply, *wire.Problem) {
	t.Helper()
	b, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://gateway.test"+wire.PathDataEcho, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.h3.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out wire.EchoReply
	if res.StatusCode != http.StatusOK {
		return out, wire.ReadProblem(res.StatusCode, res.Body)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || json.Unmarshal(body, &out) != nil {
		t.Fatalf("%q, %v", body, err)
	}
	return out, nil
}

// TestEcho pings what the session is entitled to by icmp, and nothing else.
func TestEcho(t *testing.T) {
	s := newSite(t, echo, func(o *Options) {
		o.Config.Hosts["six.test"] = "::1"
		o.Config.Hosts["gone.test"] = "127.0.0.1"
	})
	c := s.client(t, s.g.Addr(), s.device)
	c.admit(s.ticket().entitleTo("ping", wire.Action{Effect: wire.EffectAllow, Protocol: wire.ICMP, Hosts: []string{"app.test", "six.test", "127.0.0.1", "::1"}}).
		entitleTo("net", wire.Action{Effect: wire.EffectAllow, Protocol: wire.ICMP, Hosts: []string{"127.0.0.0/8"}}))
	hosts := []string{"app.test", "127.0.0.1"}
	if _, err := os.Stat("/proc/net/if_inet6"); err == nil {
		hosts = append(hosts, "six.test", "::1", "[::1]")
	}
	for _, host := range hosts {
		for _, size := range []int{0, 56, wire.MaxEcho} {
			if reply, p := c.echo(t, wire.EchoRequest{Host: host, Size: size}); p != nil || reply.RTT <= 0 {
				t.Errorf("%s, %d bytes: %v, %v", host, size, reply, p)
			}
		}
	}
	for _, row := range []struct {
		host   string
		size   int
		status int
	}{
		{"gone.test", 0, http.StatusForbidden}, {"127.0.0.2", 0, http.StatusForbidden}, {"169.254.169.254", 0, http.StatusForbidden},
		{"127.1", 0, http.StatusBadRequest}, {"::ffff:127.0.0.1", 0, http.StatusBadRequest}, {"app.test:80", 0, http.StatusBadRequest},
		{"", 0, http.StatusBadRequest}, {"app.test", -1, http.StatusBadRequest}, {"app.test", wire.MaxEcho + 1, http.StatusBadRequest},
	} {
		if _, p := c.echo(t, wire.EchoRequest{Host: row.host, Size: row.size}); p == nil || p.Status != row.status {
			t.Errorf("%s, %d bytes: %v", row.host, row.size, p)
		}
	}
	s.waitForFlows(t, 0)
}
