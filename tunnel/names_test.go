package tunnel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tidegate/tidegate/session"
)

// What the facts say of an application's addresses is true, also after these are
// others.
func TestRenumbered(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		s.Apply(config(s.pki, "10.0.0.2:443", "app.internal", 80))
		had := s.until("addresses", func(f session.DataplaneFacts) bool { return f.Apps["app"].Synthetic[0].IsValid() })
		time.Sleep(time.Second)
		if !s.pool.Move([]netip.Prefix{s.pool.Prefixes()[0]}) {
			t.Fatal("the addresses are the same")
		}
		s.Renumbered()
		want, _ := s.pool.Addrs("app.internal")
		s.until("the new addresses", func(f session.DataplaneFacts) bool { return f.Apps["app"].Synthetic == want })
		if want == had.Apps["app"].Synthetic {
			t.Errorf("%v are the old ones", want)
		}
	})
}
