package gateway

import (
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// woken is whom the controller was asked to wake since the last call.
func (l *ledger) woken() (out []string) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.wakes {
		for _, sid := range k.Sessions {
			out = append(out, string(sid))
		}
	}
	l.wakes = nil
	return out
}

func wantWoken(t *testing.T, l *ledger, what string, want ...string) {
	t.Helper()
	if got := l.woken(); !slices.Equal(got, want) {
		t.Errorf("%s: %q are woken, want %q", what, got, want)
	}
}

// TestWakeUp: what an application has for a suspended client has it woken, and
// again, ever more seldom, where it does not come.
func TestWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		k := s.lastingTicket()
		ends, apps := s.park(t, k, "app.test:22")
		time.Sleep(time.Hour)
		wantWoken(t, s.ledger, "while nothing waits")
		go io.WriteString(apps[0], "hello")
		time.Sleep(time.Second)
		wantWoken(t, s.ledger, "at the first word", "s-1")
		go io.WriteString(apps[0], ", are you there?")
		time.Sleep(27 * time.Second)
		wantWoken(t, s.ledger, "at the second")
		for _, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
			wantWoken(t, s.ledger, "too early")
			time.Sleep(4 * time.Second)
			wantWoken(t, s.ledger, "where it did not come for "+pause.String(), "s-1")
			time.Sleep(min(2*pause, 5*time.Minute) - 4*time.Second)
		}
		time.Sleep(4 * time.Second)
		s.ledger.woken()

		c := s.client(t, s.device)
		c.admit(k)
		ends[0].attach(c)
		line(t, ends[0].program, "hello, are you there?")
		time.Sleep(2 * wakeSeldom)
		wantWoken(t, s.ledger, "since it came")

		ends[0].end.Detach(2)
		c.vanish()
		go apps[0].Close() // an end is news as well
		time.Sleep(wakeGrace + time.Second)
		wantWoken(t, s.ledger, "at the end", "s-1")
	})
}

// TestWakeUpGrace: a client that lost its carrier in the middle of something comes
// back by itself.
func TestWakeUpGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded, halves)
		k := s.lastingTicket()
		ends, apps := s.park(t, k, "app.test:22")
		go io.WriteString(apps[0], "more")
		time.Sleep(wakeGrace / 2)
		wantWoken(t, s.ledger, "at once")
		c := s.client(t, s.device)
		c.admit(k)
		ends[0].attach(c)
		line(t, ends[0].program, "more")
		time.Sleep(time.Hour)
		wantWoken(t, s.ledger, "though it came")
	})
}

// TestWakeUpWhileControllerIsAway: it is tried again as long as something waits.
func TestWakeUpWhileControllerIsAway(t *testing.T) {
	for name, gone := range map[string]bool{"it waits": false, "it does not": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, recorded, halves)
				var apps []*simApp
				var want []string
				for _, sid := range []wire.SessionID{"s-1", "s-2"} {
					k := s.lastingTicket()
					k.session = sid
					_, a := s.park(t, k, "app.test:22")
					apps = append(apps, a...)
					want = append(want, string(sid))
				}
				time.Sleep(time.Minute)
				s.ledger.mu.Lock()
				s.ledger.away = 30
				s.ledger.mu.Unlock()
				for _, a := range apps {
					go io.WriteString(a, "hello")
				}
				time.Sleep(10 * time.Second)
				wantWoken(t, s.ledger, "while it is away")
				if gone {
					revoke("")(t, s, nil)
					want = want[1:]
				}
				time.Sleep(time.Minute)
				got := s.ledger.woken()
				slices.Sort(got)
				if len(got) > 2*len(want) || !slices.Equal(slices.Compact(got), want) { // they do not come, and are asked again
					t.Errorf("%q are woken, want %q", got, want)
				}
			})
		})
	}
}
