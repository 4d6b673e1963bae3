package cli

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

func TestChannels(t *testing.T) {
	src := &apptest.Source{}
	src.Publish(session.State{
		ZTA: session.ZTA{Active: true, Title: "Protected"},
		Sites: []session.Site{
			{Name: "North", State: session.Connected, Lane: "h3", Flows: 3, Parked: 1},
			{Name: "South", State: session.Connected, Lane: "h2"},
			{Name: "East", State: session.Connected},
			{Name: "West", State: session.Suspended, Cause: session.CauseAdministrator, Flows: 2, Parked: 2},
			{Name: "Hill", State: session.Suspended, Cause: session.CauseUser},
			{Name: "Dale", State: session.Suspended, Cause: session.CauseIdle, Flows: 1, Parked: 1},
			{Name: "Moor"},
		},
		Apps: []session.App{{ID: "wiki", Name: "Wiki", State: session.AppInUse, Host: "wiki.corp", Port: 80, Flows: 1, Parked: 1,
			Connections: []session.Connection{{Via: session.ViaProxy, Since: noon, Up: 5, Down: 70, Resting: true}},
			Addresses:   []netip.Addr{netip.MustParseAddr("100.100.0.7"), netip.MustParseAddr("fd7d::7")}}},
		Local: session.Local{Proxy: netip.MustParseAddrPort("127.0.0.1:1080"), PAC: "http://127.0.0.1:1080/proxy.pac", TUN: true},
	})
	want := `
ZTA    active: Protected
Site   North: connected over HTTP/3, 3 open (1 at rest)
Site   South: connected over HTTP/2
Site   East: connected
Site   West: suspended by an administrator, 2 open and at rest
Site   Hill: suspended by you
Site   Dale: suspended, 1 open and at rest
Site   Moor: disconnected
Proxy  127.0.0.1:1080 (SOCKS5 and HTTP), PAC file http://127.0.0.1:1080/proxy.pac
TUN    on: programs reach applications at addresses of their own
`
	if d := cmp.Diff(want[1:], invoke(t, src, "", "status").out); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
	want = `
Application  Wiki (wiki)
State        in-use
By name      wiki.corp:80, which is 100.100.0.7 and fd7d::7 here
Open         1 and at rest, 0 bytes up, 0 down
Connection   since Mon 2 Mar 2026 12:00:00 UTC, through the proxy, at rest, 5 bytes up, 70 down
`
	if d := cmp.Diff(want[1:], invoke(t, src, "", "why", "wiki").out); d != "" {
		t.Errorf("why (-want +got):\n%s", d)
	}
	src.Change(func(s *session.State) {
		s.Local = session.Local{Problem: &session.Problem{Title: "The helper does not answer", Detail: "No such file"}}
	})
	if out := invoke(t, src, "", "status").out; !strings.HasSuffix(out, "TUN   off: The helper does not answer.\n") {
		t.Errorf("without a helper, status ends with %q", out)
	}
	var s session.State
	if err := json.Unmarshal([]byte(invoke(t, src, "", "status", "--json").out), &s); err != nil || s.Sites[0].Lane != "h3" || s.Sites[0].Parked != 1 || s.Local.Problem == nil {
		t.Errorf("the state in JSON: %+v, %v", s, err)
	}
}

func TestPause(t *testing.T) {
	src := &apptest.Source{}
	src.Publish(state())
	invoke(t, src, "", "pause")
	if d := cmp.Diff([]session.Command{session.Pause{}}, src.Commands()); d != "" {
		t.Errorf("commands (-want +got):\n%s", d)
	}
	src.Answer = func(session.Command) error { return errors.New("nobody is signed in") }
	if r := invoke(t, src, "", "pause"); r.code != Failed || r.err != "tidegate: nobody is signed in\n" {
		t.Errorf("nobody signed in: %+v", r)
	}
}
