package sense

import (
	"net/netip"
	"testing"

	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

// What is behind the routes to a device does no harm when it is gone, and does not
// hide what does.
func TestTakenBehind(t *testing.T) {
	route := protocol.Taken{Route: netip.MustParsePrefix("100.96.0.0/16"), Times: 4, Gone: true}
	behind := route
	behind.Guard, behind.Times = true, 9
	for _, tt := range []struct {
		name, evidence string
		all            []protocol.Taken
		harm           session.VPNHarm
		how            session.VPNServed
	}{
		{"alone", "the route (for when Tidegate has no device) to 100.96.0.0/16 was taken away 9 times, and is not put back any more", []protocol.Taken{behind}, "", session.VPNServedRoutes},
		{"with the route", "the route to 100.96.0.0/16 was taken away 4 times, and is not put back any more", []protocol.Taken{behind, route}, session.VPNHarmRoutes, session.VPNServedNot},
	} {
		got := knowledge{sensed: &protocol.Sensed{Taken: tt.all}}.taken()
		if len(got) != 1 || got[0].Evidence != tt.evidence || got[0].Harm != tt.harm || got[0].How != tt.how {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
