package policytest

import (
	"math/rand/v2"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Claims are policy.Claims, to which they convert.
type Claims struct {
	User      wire.UserClaims
	System    wire.SystemClaims
	Device    map[string]any
	Responses map[wire.InteractionKind]time.Time
	Risk      *int64
	Scripts   map[string]any
}

var kinds = []wire.InteractionKind{
	wire.InteractionMessage, wire.InteractionReason, wire.InteractionMFA, wire.InteractionPassword,
}

// RandomClaims are some of the claims, the answers of that week.
func RandomClaims(r *rand.Rand, week time.Time) *Claims {
	c := &Claims{Device: map[string]any{}, Responses: map[wire.InteractionKind]time.Time{}, User: wire.UserClaims{Groups: []string{}}, Scripts: map[string]any{}}
	coin := func() bool { return r.IntN(3) > 0 }
	for _, k := range kinds {
		if coin() {
			c.Responses[k] = week.Add(time.Duration(r.Int64N(int64(6 * 24 * time.Hour)))).Truncate(15 * time.Minute)
		}
	}
	for _, k := range []string{"firewall", "disk_encryption"} {
		if coin() {
			c.Device[k] = coin()
		}
	}
	if coin() {
		c.Device["os_name"] = []string{"linux", "windows"}[r.IntN(2)]
	}
	if coin() {
		c.Device["hostname"] = []string{"kiosk", "desk-7"}[r.IntN(2)]
	}
	if coin() {
		c.User.Name = []string{"alice", "bob"}[r.IntN(2)]
	}
	if coin() {
		c.Risk = new(pick[int64](r, 0, 20, 60, 90, r.Int64N(100)))
	}
	if coin() {
		c.System.Address = pick(r, "192.0.2.1", "192.0.2.77", "10.1.2.3", "2001:db8::7")
	}
	if coin() {
		c.User.Groups = append(c.User.Groups, "finance")
	}
	if coin() {
		c.Device["addresses"] = pick(r, []string{}, []string{"192.0.2.1"}, []string{"10.9.9.9", "2001:db8::7"})
	}
	if coin() {
		c.Device["uptime"] = float64(r.IntN(100)) // as JSON has it
	}
	if coin() {
		c.Device["agent"] = coin()
	}
	if coin() {
		c.Device["vendor"] = pick(r, "acme", "green")
	}
	if coin() {
		c.Scripts["open"] = coin()
	}
	if coin() {
		c.Scripts["stock"] = r.Int64N(100)
	}
	if coin() {
		c.Scripts["state"] = pick(r, "green", "red")
	}
	return c
}
