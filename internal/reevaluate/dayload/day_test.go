package dayload

import "testing"

// maxSession is the most that a session may take, its claims excluded.
const maxSession = 512

func check(t testing.TB, r Result) {
	t.Helper()
	if r.Late != 0 || r.Wrong != 0 || r.Compared == 0 {
		t.Errorf("of %d verdicts %d were late and %d wrong", r.Compared, r.Late, r.Wrong)
	}
	if r.Bytes > maxSession {
		t.Errorf("a session takes %.0f bytes, may take %d", r.Bytes, maxSession)
	}
}

func TestDay(t *testing.T) {
	r, err := Run(Options{Sessions: 300, Polled: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	check(t, r)
	t.Logf("%+v, ratio %.0f", r, r.Ratio())
	if r.Changes != 300*changesEach || r.Wakes < 300 || r.Polled == 0 {
		t.Errorf("the day has become too quiet: %+v", r)
	}
	again, err := Run(Options{Sessions: 300, Polled: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	again.FirstCPU, again.ChangeCPU, again.WakeCPU = r.FirstCPU, r.ChangeCPU, r.WakeCPU
	again.PollingCPU, again.Bytes = r.PollingCPU, r.Bytes
	if again != r {
		t.Errorf("the same seed makes another day: %+v, %+v", r, again)
	}
	if _, err := Run(Options{}); err == nil {
		t.Error("a day of no sessions")
	}
}

func benchmark(b *testing.B, sessions int) {
	for b.Loop() {
		r, err := Run(Options{Sessions: sessions, Seed: 1})
		if err != nil {
			b.Fatal(err)
		}
		check(b, r)
		b.ReportMetric(r.EngineCPU().Seconds(), "engine-cpu-s")
		b.ReportMetric(r.WakeCPU.Seconds(), "wake-cpu-s")
		b.ReportMetric(r.PollingCPU.Seconds(), "polling-cpu-s")
		b.ReportMetric(r.Ratio(), "x-polling")
		b.ReportMetric(r.Bytes, "B/session")
		b.ReportMetric(float64(r.Late), "late")
		b.ReportMetric(float64(r.Wakes), "wakes")
	}
}

func BenchmarkDay100k(b *testing.B) { benchmark(b, 100_000) }
func BenchmarkDay1m(b *testing.B)   { benchmark(b, 1_000_000) }
