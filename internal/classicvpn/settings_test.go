package classicvpn

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/session"
)

func TestTidy(t *testing.T) {
	for _, address := range []string{"vpn.example.com", "vpn.example.com:8443", "vpn.example.com/staff", "https://vpn.example.com/a/b?c=d", "HTTPS://vpn.example.com", "10.0.0.1", "[2001:db8::1]", "[2001:db8::1]:443", " vpn.example.com "} {
		s, err := tidy(session.VPNSettings{Address: address, Protocol: session.VPNPulse})
		if err != nil || s.Address != strings.TrimSpace(address) {
			t.Errorf("%q: %v, %q", address, err, s.Address)
		}
	}
	for _, address := range []string{"", " ", "http://vpn.example.com", "-v", "--script=x", "https://-v", "user@vpn.example.com", "https://u:p@vpn.example.com", "vpn.example.com:0", "vpn.example.com:70000", "vpn.example.com:", "a b", "a'b", "a;b\nc", "https://", "vpn#x", "2001:db8::1", strings.Repeat("a", 2000)} {
		if _, err := tidy(session.VPNSettings{Address: address, Protocol: session.VPNPulse}); err == nil {
			t.Errorf("%q is an address", address)
		}
	}
	ok := session.VPNSettings{Address: "a.test", Protocol: session.VPNPulse}
	for name, change := range map[string]func(*session.VPNSettings){
		"no protocol":      func(s *session.VPNSettings) { s.Protocol = "" },
		"another protocol": func(s *session.VPNSettings) { s.Protocol = "array" },
		"lines in a name":  func(s *session.VPNSettings) { s.Name = "a\nb" },
		"a long name":      func(s *session.VPNSettings) { s.Name = strings.Repeat("a", 300) },
		"orders in a user": func(s *session.VPNSettings) { s.User = "a\x1b[2J" },
		"broken letters":   func(s *session.VPNSettings) { s.Group = "\xff" },
		"another feature":  func(s *session.VPNSettings) { s.Features = []session.VPNFeature{"dancing"} },
	} {
		s := ok
		change(&s)
		if _, err := tidy(s); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	s := ok
	s.Features = []session.VPNFeature{session.VPNIPv6, session.VPNAlwaysOn, session.VPNIPv6}
	if s, err := tidy(s); err != nil || len(s.Features) != 2 || s.Features[0] != session.VPNAlwaysOn {
		t.Errorf("%v: %v", s.Features, err)
	}
}

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
