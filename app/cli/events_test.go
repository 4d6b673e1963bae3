package cli

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/app/apptest"
	"github.com/tidegate/tidegate/session"
)

// history are the events that the instances of a test keep; nil: the state's.
var history atomic.Pointer[[]session.Event]

// distrust is why they cannot keep them; nil: they can.
var distrust atomic.Pointer[string]

// History is what the state holds, unless the test keeps more.
func (r running) History(ctx context.Context, q session.HistoryQuery) (h session.History, err error) {
	s, err := r.State(ctx)
	h = q.Select(s.Events)
	if kept := history.Load(); kept != nil {
		h = q.Select(*kept)
	}
	if why := distrust.Load(); why != nil {
		h.Problem = *why
	}
	return h, err
}

// keep has the instances of a test keep events.
func keep(t *testing.T, events []session.Event) {
	history.Store(&events)
	t.Cleanup(func() { history.Store(nil) })
}

// toldEvents are lines of Seqs from one to another.
func toldEvents(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "%s  event %d\n", noon.Add(time.Duration(i)*time.Hour).Format("2 Jan 15:04:05"), i)
	}
	return b.String()
}

// hourly are n events, one an hour after noon.
func hourly(n int) (all []session.Event) {
	for i := 1; i <= n; i++ {
		all = append(all, session.Event{Seq: uint64(i), At: noon.Add(time.Duration(i) * time.Hour), Kind: "app-opened", Text: fmt.Sprint("event ", i)})
	}
	return all
}

func TestEventsThatAreKept(t *testing.T) {
	keep(t, hourly(1300))
	src := &apptest.Source{}
	src.Publish(state())
	for _, tt := range []struct {
		name string
		args []string
		want result
	}{
		{"the last", nil, result{out: toldEvents(1201, 1300)}},
		{"all since a day", []string{"--since", "2026-03-02"}, result{out: toldEvents(1, 1300)}},
		{"since a time", []string{"--since", "2026-04-25 12:30"}, result{out: toldEvents(1297, 1300)}},
		{"a search", []string{"--search", "777 EVENT"}, result{out: toldEvents(777, 777)}},
		{"a search for what is not there", []string{"--search", "zebra"}, result{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, invoke(t, src, "", append([]string{"events"}, tt.args...)...), cmp.AllowUnexported(result{})); d != "" {
				t.Error(d)
			}
		})
	}
	for _, bad := range []string{"noon", "-5m", "5x", "d", "2026-13-01"} {
		if got := invoke(t, src, "", "events", "--since", bad); got.code != Usage || !strings.Contains(got.err, "7d") {
			t.Errorf("--since %s: %+v", bad, got)
		}
	}
}

// What is of another enrolment than the active one says so.
func TestEventsOfAnotherEnrolment(t *testing.T) {
	all := hourly(2)
	all[0].Of, all[1].Of = "Harbour", state().Enrolment.Label()
	keep(t, all)
	src := &apptest.Source{}
	src.Publish(state())
	want := strings.Replace(toldEvents(1, 2), "\n", " (Harbour)\n", 1)
	if d := cmp.Diff(result{out: want}, invoke(t, src, "", "events"), cmp.AllowUnexported(result{})); d != "" {
		t.Error(d)
	}
}

// What is told now may be gone after a restart: programs read on, and people know.
func TestEventsThatAreNotKept(t *testing.T) {
	keep(t, hourly(2))
	why := "What happens now is not kept beyond a restart: no space left. Put that right in /home/ada."
	distrust.Store(&why)
	t.Cleanup(func() { distrust.Store(nil) })
	src := &apptest.Source{}
	src.Publish(state())
	if d := cmp.Diff(result{out: toldEvents(1, 2), err: why + "\n"}, invoke(t, src, "", "events"), cmp.AllowUnexported(result{})); d != "" {
		t.Error(d)
	}
}

func TestSinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone := time.FixedZone("east", 3*3600)
		c := &call{Options: Options{Zone: zone}}
		now := time.Now().In(zone)
		for text, want := range map[string]time.Time{
			"90m": now.Add(-90 * time.Minute), "7d": now.AddDate(0, 0, -7), "0s": now,
			"today":                time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone),
			"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, zone),
			"2026-11-20T08:30:00Z": time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC),
		} {
			if got, err := c.sinceWhen(text); err != nil || !got.Equal(want) {
				t.Errorf("%s is %v, %v", text, got, err)
			}
		}
	})
}

// What happened between two states is told too, and the search goes on.
func TestFollowMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := hourly(900)
		keep(t, all[:300])
		r := running{&apptest.Source{}, make(chan struct{})}
		s := state()
		s.Events = all[200:300]
		r.Publish(s)
		go func() {
			time.Sleep(time.Second)
			history.Store(&all)
			r.Change(func(s *session.State) { s.Events = all[800:900] })
			time.Sleep(time.Second)
			close(r.end)
		}()
		got := invokeOn(t, r, "", "events", "--follow", "--search", "event")
		if d := cmp.Diff(result{out: toldEvents(1, 900)}, got, cmp.AllowUnexported(result{})); d != "" {
			t.Error(d)
		}
	})
}
