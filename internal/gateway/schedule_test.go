package gateway

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestNextReevaluation(t *testing.T) {
	every := func(d time.Duration) wire.Reevaluate { return wire.Reevaluate{Every: wire.Duration(d)} }
	at := func(minutes ...int) wire.Reevaluate { return wire.Reevaluate{At: minutes} }
	for _, row := range []struct {
		name, now, want string
		times           []wire.Reevaluate
	}{
		{"none", "14:32", "", []wire.Reevaluate{{}}},
		{"on the quarters", "14:32", "14:45 periodic", []wire.Reevaluate{every(15 * time.Minute)}},
		{"exactly on one", "14:45", "15:00 periodic", []wire.Reevaluate{every(15 * time.Minute)}},
		{"on the hour", "14:32", "15:00 periodic", []wire.Reevaluate{every(time.Hour)}},
		{"12 times per hour", "14:32", "14:35 periodic", []wire.Reevaluate{every(5 * time.Minute)}},
		{"at 17:01", "14:32", "17:01 at-time", []wire.Reevaluate{at(17*60 + 1)}},
		{"tomorrow", "17:01", "+17:01 at-time", []wire.Reevaluate{at(17*60 + 1)}},
		{"midnight", "17:01", "+00:00 at-time", []wire.Reevaluate{at(0)}},
		{"the first of several", "14:32", "14:40 at-time", []wire.Reevaluate{at(900, 880), every(time.Hour)}},
		{"a time of day on the hour", "14:32", "15:00 at-time", []wire.Reevaluate{every(time.Hour), at(900)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			now, err := time.Parse("2006-01-02 15:04", "2026-11-20 "+row.now)
			if err != nil {
				t.Fatal(err)
			}
			next, trigger := nextReevaluation(row.times, now.In(time.FixedZone("elsewhere", 5400)))
			got := ""
			if !next.IsZero() {
				got = next.UTC().Format("15:04") + " " + string(trigger)
				if next.UTC().Day() != now.Day() {
					got = "+" + got
				}
			}
			if got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// TestReevaluationTimes are exact, and run the scripts that the condition reads.
func TestReevaluationTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, recorded)
		synctest.Wait()
		calls := wire.Script{Name: "on-call", Kind: wire.ScriptCriteria, Type: "bool", Source: "def main(ctx):\n    return True\n"}
		s.learnScripts(t, 1, calls)
		c := s.client(t, s.device)
		k := s.authority.ticket(s.device).entitleScript().entitle("other", "app.test", 23, `"staff" in user.groups`)
		k.entitlements[0].Conditions[0].Reevaluate = wire.Reevaluate{At: []int{20}, Every: wire.Duration(15 * time.Minute)}
		c.admit(k)
		s.ledger.take()
		time.Sleep(40 * time.Minute)
		var got []string
		for _, r := range s.ledger.take() {
			if r.Kind == "verdict" || r.Kind == "script-run" {
				got = append(got, fmt.Sprintln(r.At.Format("15:04:05.000"), r.Kind, r.Entitlement, r.Target, r.Trigger))
			}
		}
		want := []string{
			"00:15:00.000 verdict app  periodic\n", "00:15:00.000 script-run  on-call periodic\n",
			"00:20:00.000 verdict app  at-time\n", "00:20:00.000 script-run  on-call at-time\n",
			"00:30:00.000 verdict app  periodic\n", "00:30:00.000 script-run  on-call periodic\n",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
