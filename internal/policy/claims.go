package policy

import (
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Claims are what criteria are judged on. They are not changed after they have
// been handed over.
type Claims struct {
	User      wire.UserClaims
	System    wire.SystemClaims
	Device    map[string]any // by CEL name: "firewall", "os_name"
	Responses map[wire.InteractionKind]time.Time
	// Risk is how risky the user's situation is deemed to be, by custom 20 for
	// low, 60 for medium and 90 for high. Nil is missing. No device reports it.
	Risk *int64
}

// ClaimsOf reads a claims token. A device claim "os.name" is device.os_name;
// one that is reported twice with different values is as good as missing.
func ClaimsOf(t *wire.ClaimsToken) *Claims {
	c := &Claims{User: t.User, System: t.System, Device: map[string]any{}, Responses: t.Responses}
	norm := strings.NewReplacer(".", "_", "-", "_")
	for k, v := range t.Claims {
		switch v.(type) {
		case string, bool:
		default:
			continue // no criterion reads any other type
		}
		k = norm.Replace(k)
		if old, ok := c.Device[k]; ok && old != v {
			v = nil
		}
		c.Device[k] = v
	}
	return c
}

// The stamps that are believed; whatever lies outside is as good as missing.
var (
	minStamp = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	maxStamp = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// stamp is when the interaction was answered, in Unix nanoseconds.
func (c *Claims) stamp(k wire.InteractionKind) (int64, bool) {
	t, ok := c.Responses[k]
	if !ok || t.Before(minStamp) || !t.Before(maxStamp) {
		return 0, false
	}
	return t.UnixNano(), true
}

// text is the string claim of that CEL name. An empty one is missing.
func (c *Claims) text(name string) (string, bool) {
	var s string
	switch name {
	case "user.name":
		s = c.User.Name
	case "system.address":
		s = c.System.Address
	default:
		s, _ = c.Device[strings.TrimPrefix(name, "device.")].(string)
	}
	return s, s != ""
}

// flag is the boolean device claim of that CEL name.
func (c *Claims) flag(name string) (value, ok bool) {
	value, ok = c.Device[strings.TrimPrefix(name, "device.")].(bool)
	return value, ok
}
