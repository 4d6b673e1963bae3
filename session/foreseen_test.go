package session

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestReadyIsNoPromise has the controller foresee how access is where no gateway has
// judged it: what would be in the way is said, until a verdict or an answer says better.
func TestReadyIsNoPromise(t *testing.T) {
	bubble(t, func(t *testing.T, b *bench) {
		b.enrolled("kept").start()
		now, hour := time.Now(), time.Hour
		asks := wire.ForecastSpan{From: now, To: now.Add(hour), Reason: wire.ReasonMFA, Cure: []wire.InteractionKind{wire.InteractionMFA}}
		shut := wire.ForecastSpan{From: now.Add(hour), To: now.Add(2 * hour), Reason: wire.ReasonTime}
		open := wire.ForecastSpan{From: now.Add(2 * hour), To: now.Add(3 * hour), Allow: true}
		b.controller.set(func() {
			b.controller.forecast = wire.Forecast{At: now, Until: now.Add(3 * hour), Expires: now.Add(9 * hour),
				Lines: []wire.ForecastLine{{Entitlements: []wire.EntitlementID{b.app("wiki").Entitlement}, Spans: []wire.ForecastSpan{asks, shut, open}}}}
		})
		if a := b.app("wiki"); a.State != AppReady || a.Foreseen != "" {
			t.Errorf("before anything was foreseen: %+v", a)
		}
		b.do(LookAhead{})
		expect := func(outlook Outlook, kind wire.ReasonKind) {
			t.Helper()
			a := b.app("wiki")
			if a.State != AppReady || a.Foreseen != outlook || a.Why.Kind != kind || (a.Why.Title == "") != (kind == "") || len(a.Cure) > 0 {
				t.Errorf("foreseen as %q because of %q: %+v", outlook, kind, a)
			}
		}
		expect(OutlookAsks, wire.ReasonMFA)
		if other := b.app("payroll"); other.Foreseen != "" || other.Why.Title != "" {
			t.Errorf("nothing was foreseen of this one: %+v", other)
		}
		time.Sleep(hour) // it wakes by itself at each edge
		expect(OutlookClosed, wire.ReasonTime)
		time.Sleep(hour)
		expect(OutlookOpen, "")
		time.Sleep(hour)
		expect("", "")
	})
}
