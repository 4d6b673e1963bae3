package policy

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// TestSteady shows when a denial has another explanation.
func TestSteady(t *testing.T) {
	const hours = `during("Mon-Fri", "08:30", "17:00")`
	for _, row := range []struct {
		name, criteria, now, want string
	}{
		{"the hours end, though a code is wanting", hours + ` && within(responses.password, duration("1h"))`, "10:00:00", "17:00:00"},
		{"an answer ages", hours + ` && within(responses.mfa, duration("1h")) && device.firewall`, "10:00:00", "10:30:00"},
		{"nothing moves", `device.firewall && risk < 50`, "10:00:00", "never"},
		{"a tick that changes nothing", `now.getHours() * now.getHours() < 200 && device.firewall`, "10:00:00", "15:00:00"},
		{"in a branch not taken", `device.firewall ? now.getHours() < 12 : false`, "10:00:00", "12:00:00"},
		{"under a not", `!(now.getHours() < 11) == device.firewall`, "10:00:00", "11:00:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			claims := &Claims{Responses: map[wire.InteractionKind]time.Time{wire.InteractionMFA: clock("09:30:00")}}
			want := Never
			if row.want != "never" {
				want = clock(row.want).UnixNano()
			}
			if got := Steady([]Condition{{Criteria: compile(t, row.criteria)}, {}}, claims, clock(row.now).UnixNano()); got != want {
				t.Errorf("steady until %s, want %s", instant(got), row.want)
			}
		})
	}
}
