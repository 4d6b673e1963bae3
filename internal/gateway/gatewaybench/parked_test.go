package gatewaybench

import "testing"

// TestParked keeps the measurement working, in small.
func TestParked(t *testing.T) {
	if each, err := Parked(t.Context(), 50); err != nil || each <= 0 {
		t.Errorf("%d, %v", each, err)
	}
}

// BenchmarkParked is with 10,000 sessions. What is promised: 16 KiB for each.
func BenchmarkParked(b *testing.B) {
	for b.Loop() {
		each, err := Parked(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(each)/1024, "KiB/session")
	}
}
