package classicvpn

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/session"
)

// TestPins keeps the key that was trusted for as long as it is the same server's, and
// lets nobody write another.
func TestPins(t *testing.T) {
	in(t, func(w *world) {
		w.must(w.vpn.Save(session.VPNSettings{Name: "Office", Address: "vpn.example.com", Protocol: session.VPNPulse, Fingerprint: "pin-sha256:mine"}))
		if c := w.one(); c.Fingerprint != "" {
			t.Errorf("a new one comes with %q", c.Fingerprint)
		}
		trust := func() session.VPNSettings {
			w.must(w.vpn.ask(func(w *owner) error { return w.pin(w.list[0], pin) }))
			return w.one().VPNSettings
		}
		for name, row := range map[string]struct {
			change func(*session.VPNSettings)
			want   string
		}{
			"another name":        {func(s *session.VPNSettings) { s.Name = "Work" }, pin},
			"another key":         {func(s *session.VPNSettings) { s.Fingerprint = "pin-sha256:mine" }, pin},
			"forgotten":           {func(s *session.VPNSettings) { s.Fingerprint = "" }, ""},
			"another address":     {func(s *session.VPNSettings) { s.Address = "b.example.com" }, ""},
			"the server's old":    {func(s *session.VPNSettings) { s.Address = "vpn.example.com" }, pin},
			"another's protocol":  {func(s *session.VPNSettings) { s.Protocol = session.VPNJuniper }, pin},
			"a group of that one": {func(s *session.VPNSettings) { s.Group = "Staff" }, pin},
		} {
			s := trust()
			if name == "the server's old" {
				s.Address = w.one().Address
			} else {
				row.change(&s)
			}
			w.must(w.vpn.Save(s))
			if c := w.one(); c.Fingerprint != row.want {
				t.Errorf("%s: it is %q", name, c.Fingerprint)
			}
		}
		if err := w.vpn.Save(session.VPNSettings{Name: strings.ToUpper(w.one().Name), Address: "c.example.com", Protocol: session.VPNPulse}); err == nil {
			t.Error("there are two of one name")
		}
		for range most - 1 {
			w.must(w.vpn.Save(session.VPNSettings{Address: "d.example.com", Protocol: session.VPNPulse}))
		}
		if err := w.vpn.Save(session.VPNSettings{Address: "d.example.com", Protocol: session.VPNPulse}); err == nil {
			t.Error("there is no end to them")
		}
	})
}
