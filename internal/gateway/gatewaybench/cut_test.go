package gatewaybench

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCut keeps the measurement working, in small.
func TestCut(t *testing.T) {
	for name, change := range map[string]Change{"device claim": DeviceClaim, "claims token": ClaimsToken} {
		t.Run(name, func(t *testing.T) {
			r, err := Cut(t.Context(), Options{Sessions: 50, Rounds: 5, Change: change})
			if err != nil || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// BenchmarkCut is with 10,000 sessions. What the engine promises: half of the
// cuts within 50 ms, all but one of a hundred within 250 ms.
func BenchmarkCut(b *testing.B) {
	for name, change := range map[string]Change{"device-claim": DeviceClaim, "claims-token": ClaimsToken} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := Cut(b.Context(), Options{Change: change})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(r.P50)/float64(time.Millisecond), "p50-ms")
				b.ReportMetric(float64(r.P99)/float64(time.Millisecond), "p99-ms")
			}
		})
	}
}
