package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestManualTimeline is the day of seed 003, in virtual time over a simulated
// network: the real gateway, QUIC and tokens, eight hours in milliseconds.
func TestManualTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		day := time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC) // a Monday; the bubble begins on 1 January
		at := func(hour, minute int) time.Time {
			return day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
		}
		time.Sleep(time.Until(at(14, 32)))

		s := newSim(t, recorded)
		k := s.authority.ticket(s.device).
			entitle("ssh", "app.test", 22, `within(responses.mfa, duration("60m"))`, wire.InteractionMFA).
			entitle("idle", "app.test", 23, `within(responses.mfa, duration("60m"))`, wire.InteractionMFA).
			entitle("office", "app.test", 24, `during("Mon-Fri", "08:30", "17:00")`)
		path := s.ends[0]
		c := s.client(t, s.device)
		events, first := c.admit(k.answered(wire.InteractionMFA, at(14, 45)))
		until := func(v wire.Verdicts, what string, i int, allow, due bool, notAfter time.Time) {
			t.Helper()
			if w := v.Verdicts[i]; w.Allow != allow || w.Due != due || !w.NotAfter.Equal(notAfter) {
				t.Errorf("%s at %s: %+v", what, time.Now().UTC(), w)
			}
		}
		clock := func(want time.Time) {
			t.Helper()
			if off := time.Since(want); off < 0 || off > 100*time.Millisecond {
				t.Errorf("it is %s, want %s", time.Now().UTC(), want)
			}
		}
		until(first, "the first verdict", 0, true, false, at(15, 45))
		until(first, "office hours", 2, true, false, at(17, 0))
		str, app := s.echo(c, "app.test:22")
		ping(t, str, "hello")
		quiet := path.Stats()

		warning := events.next() // five minutes before, for what is in use alone
		clock(at(15, 40))
		until(warning, "the warning", 0, true, true, at(15, 45))
		until(warning, "the idle one", 1, true, false, at(15, 45))
		if n := path.Stats().PacketsRcvd - quiet.PacketsRcvd; n > 20 {
			t.Errorf("%d packets in an hour of silence", n)
		}
		if p := c.renew(k.answered(wire.InteractionMFA, at(15, 45))); p != nil {
			t.Fatal(p)
		}
		until(events.next(), "answered", 0, true, false, at(16, 45))
		ping(t, str, "across 15:45")

		until(events.next(), "the next warning", 0, true, true, at(16, 45))
		clock(at(16, 40))
		expectReset(t, str, codeCut) // nobody answers
		clock(at(16, 45))
		lapsed := events.next()
		until(lapsed, "lapsed", 0, false, false, time.Time{})
		if r := lapsed.Verdicts[0]; r.Reason.Kind != wire.ReasonMFA || len(r.Interactions) != 1 {
			t.Errorf("the denial is %+v", r)
		}
		if _, err := app.Read(make([]byte, 1)); err == nil {
			t.Error("the application's end is open")
		}
		closing := events.next()
		clock(at(17, 0))
		until(closing, "after hours", 2, false, false, at(8, 30).AddDate(0, 0, 1))

		ended := events.next() // the tokens': a day after they were signed at 15:40
		clock(at(8, 30).AddDate(0, 0, 1))
		until(ended, "the next morning", 2, true, false, at(15, 40).AddDate(0, 0, 1))
		until(events.next(), "the tokens' end", 2, false, false, time.Time{})
		clock(at(15, 40).AddDate(0, 0, 1))
	})
}
