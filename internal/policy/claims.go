package policy

import (
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Claims are what criteria are judged on. They are not changed after they have
// been handed over.
type Claims struct {
	User   wire.UserClaims
	System wire.SystemClaims
	// Device is by CEL name, "firewall", "os_name": bool, string, []string, or a
	// whole number as int64, int or float64.
	Device    map[string]any
	Responses map[wire.InteractionKind]time.Time
	// Risk is how risky the user's situation is deemed to be, by custom 20 for
	// low, 60 for medium and 90 for high. Nil is missing. No device reports it.
	Risk *int64
	// Scripts are the values of access-criteria scripts by name: bool, int64 or
	// string. A script that has yielded none is not there.
	Scripts map[string]any
}

// ClaimsOf reads a claims token. A device claim "os.name" is device.os_name;
// one that is reported twice with different values is as good as missing.
func ClaimsOf(t *wire.ClaimsToken) *Claims {
	c := &Claims{User: t.User, System: t.System, Device: map[string]any{}, Responses: t.Responses}
	norm := strings.NewReplacer(".", "_", "-", "_")
	for k, v := range t.Claims {
		if v = readable(v); v == nil {
			continue // no criterion reads any other type
		}
		k = norm.Replace(k)
		if old, ok := c.Device[k]; ok && !reflect.DeepEqual(old, v) {
			v = nil
		}
		c.Device[k] = v
	}
	return c
}

// readable is a value from JSON as criteria read it, or nil.
func readable(v any) any {
	switch v := v.(type) {
	case string, bool, []string:
		return v
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil
			}
			list = append(list, s)
		}
		return list
	}
	if n, ok := integer(v); ok {
		return n
	}
	return nil
}

// integer is a whole number as Go code or JSON has it.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		const exact = 1 << 53
		return int64(v), v == math.Trunc(v) && v >= -exact && v <= exact
	}
	return 0, false
}

// The stamps that are believed; whatever lies outside is as good as missing.
var (
	minStamp = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	maxStamp = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// maxSecond is maxStamp in Unix seconds.
var maxSecond = maxStamp.Unix()

// stamp is when the interaction was answered, in Unix nanoseconds.
func (c *Claims) stamp(k wire.InteractionKind) (int64, bool) {
	t, ok := c.Responses[k]
	if s := t.Unix(); !ok || s < 0 || s >= maxSecond {
		return 0, false
	}
	return t.UnixNano(), true
}

// reported is what a device or a script said, of whatever type.
func (c *Claims) reported(v *variable) any {
	if v.from == fromScript {
		return c.Scripts[v.id]
	}
	return c.Device[v.id]
}

// text is a string claim. An empty one is missing.
func (c *Claims) text(v *variable) (string, bool) {
	var s string
	switch v.from {
	case fromUserName:
		s = c.User.Name
	case fromAddress:
		s = c.System.Address
	default:
		s, _ = c.reported(v).(string)
	}
	return s, s != ""
}

// flag is a boolean claim.
func (c *Claims) flag(v *variable) (value, ok bool) {
	value, ok = c.reported(v).(bool)
	return value, ok
}

// number is an int claim.
func (c *Claims) number(v *variable) (int64, bool) {
	if v.from != fromRisk {
		return integer(c.reported(v))
	}
	if c.Risk == nil {
		return 0, false
	}
	return *c.Risk, true
}

// list is a claim that is a list. The user's groups are never missing.
func (c *Claims) list(v *variable) ([]string, bool) {
	if v.from == fromUserGroups {
		return c.User.Groups, true
	}
	l, ok := c.reported(v).([]string)
	return l, ok
}
