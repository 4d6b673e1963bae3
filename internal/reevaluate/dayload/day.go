package dayload

import (
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/wire"
)

const (
	grantsEach  = 10
	changesEach = 13
	minutes     = 24 * 60
)

// midnight begins the day, a Tuesday.
var midnight = time.Date(2026, 11, 17, 0, 0, 0, 0, time.UTC)

// options are the seed documents' values; the tokens outlast the day.
var options = policy.PlanOptions{WarningLead: 5 * time.Minute, StampRounding: 15 * time.Minute, TokensEnd: midnight.Add(30 * time.Hour)}

// dice are the random numbers of one session, by what they decide.
type dice uint64

// roll is splitmix64 of the seed, the session and what is decided.
func (d dice) roll(session, what int) uint64 {
	z := uint64(d) + uint64(session)*0x9e3779b97f4a7c15 + uint64(what)*0xd1b54a32d192ed03
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// What is decided: changes take changesEach numbers from whenChanged and from
// whatChanged on, and grants grantsEach from whichGrant.
const (
	whenChanged = iota * 100
	whatChanged
	whichGrant
	firstClaims
	whichProbe
)

// grants are the conditions of a session, all different.
func (d dice) grants(session int, of int) (out [grantsEach]int) {
	seen := uint64(0)
	for i := range out {
		n := int(d.roll(session, whichGrant+i) % uint64(of))
		for seen&(1<<n) != 0 {
			n = (n + 1) % of
		}
		seen |= 1 << n
		out[i] = n
	}
	return out
}

// schedule lists the changes of each minute as session*changesEach + change.
func (d dice) schedule(sessions int) [][]uint32 {
	var count [minutes]int
	at := func(session, change int) int { return 7*60 + int(d.roll(session, whenChanged+change)%(12*60)) }
	for s := range sessions {
		for c := range changesEach {
			count[at(s, c)]++
		}
	}
	out := make([][]uint32, minutes)
	for m := range out {
		out[m] = make([]uint32, 0, count[m])
	}
	for s := range sessions {
		for c := range changesEach {
			m := at(s, c)
			out[m] = append(out[m], uint32(s*changesEach+c))
		}
	}
	return out
}

// answers are shared by all who answered at the same quarters.
type answers map[[2]int64]map[wire.InteractionKind]time.Time

func (a answers) of(mfa, password time.Time) map[wire.InteractionKind]time.Time {
	key := [2]int64{mfa.Unix(), password.Unix()}
	m, ok := a[key]
	if !ok {
		m = map[wire.InteractionKind]time.Time{wire.InteractionMFA: mfa, wire.InteractionPassword: password}
		a[key] = m
	}
	return m
}

// devices are the reports that there are: firewall, disk encryption, version.
var devices = func() (out [8]map[string]any) {
	for i := range out {
		out[i] = map[string]any{"firewall": i&1 == 0, "disk_encryption": i&2 == 0, "os_name": "windows", "os_version": []string{"11", "12"}[i>>2], "hostname": "desk-7"}
	}
	return out
}()

var (
	groups = [][]string{{"staff"}, {"staff", "finance"}, {"staff", "engineering"}, {"support"}, {"sales", "staff"}}
	risks  = [...]int64{20, 20, 20, 20, 20, 20, 60, 90}
)

// first are a session's claims at midnight: it answered yesterday.
func (d dice) first(session int, a answers) *policy.Claims {
	r := d.roll(session, firstClaims)
	return &policy.Claims{
		User:      wire.UserClaims{Name: "user", Groups: groups[r%5]},
		System:    wire.SystemClaims{Address: "192.0.2.7"},
		Device:    devices[r>>8&2],
		Risk:      &risks[r>>16%8],
		Responses: a.of(midnight.Add(-5*time.Hour), midnight.Add(-9*time.Hour)),
	}
}

// change is a session's claims after one of its changes: six codes, two
// passwords, two of the firewall, the risk, a group, and one that no condition
// reads.
func (d dice) change(old *policy.Claims, session, change int, at time.Time, a answers) *policy.Claims {
	c := *old
	r := d.roll(session, whatChanged+change)
	switch {
	case change < 6:
		c.Responses = a.of(policy.Stamp(at, options.StampRounding), c.Responses[wire.InteractionPassword])
	case change < 8:
		c.Responses = a.of(c.Responses[wire.InteractionMFA], policy.Stamp(at, options.StampRounding))
	case change < 10:
		c.Device = devices[r&3%3] // off one time in three
	case change == 10:
		c.Risk = &risks[r%8]
	case change == 11:
		c.User.Groups = groups[r%5]
	default:
		c.Device = devices[4]
	}
	return &c
}
