package policy

import (
	"hash/fnv"
	"reflect"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// Inputs is a set of what verdicts depend on. Each built-in variable has a bit
// of its own; what is declared shares hashed bits, so that a collision costs a
// verdict judged in vain, never one forgotten.
type Inputs uint64

// AllInputs is every input.
const AllInputs = ^Inputs(0)

// InputOf is the input of that CEL name, "risk", "device.firewall" or
// "scripts.stock"; "now" is the clock.
func InputOf(name string) Inputs {
	for i := range variables {
		if variables[i].name == name {
			return 1 << i
		}
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	hashed := 64 - len(variables)
	return 1 << (len(variables) + int(h.Sum32()%uint32(hashed)))
}

// InputsOf is what differs between two sets of claims; all, where there is
// only one.
func InputsOf(old, new *Claims) Inputs {
	if old == new {
		return 0
	}
	if old == nil || new == nil {
		return AllInputs
	}
	var in Inputs
	for i := range variables {
		if v := &variables[i]; v.from != fromDevice && v.from != fromClock && !sameClaim(old, new, v) {
			in |= 1 << i
		}
	}
	return in | changedIn("device.", old.Device, new.Device) | changedIn("scripts.", old.Scripts, new.Scripts)
}

func sameClaim(a, b *Claims, v *variable) bool {
	switch v.from {
	case fromResponse:
		return sameAnswer(a.Responses, b.Responses, v.response)
	case fromRisk:
		return (a.Risk == nil) == (b.Risk == nil) && (a.Risk == nil || *a.Risk == *b.Risk)
	case fromUserGroups:
		return slices.Equal(a.User.Groups, b.User.Groups)
	case fromUserName:
		return a.User.Name == b.User.Name
	}
	return a.System.Address == b.System.Address
}

func sameAnswer(a, b map[wire.InteractionKind]time.Time, k wire.InteractionKind) bool {
	x, had := a[k]
	y, has := b[k]
	return had == has && x.Equal(y)
}

// changedIn are the inputs that differ between two maps of claims.
func changedIn(prefix string, a, b map[string]any) Inputs {
	var in Inputs
	for id, x := range a {
		if y, ok := b[id]; !ok || !sameValue(x, y) {
			in |= InputOf(prefix + id)
		}
	}
	for id := range b {
		if _, ok := a[id]; !ok {
			in |= InputOf(prefix + id)
		}
	}
	return in
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case string:
		b, ok := b.(string)
		return ok && a == b
	case []string:
		b, ok := b.([]string)
		return ok && slices.Equal(a, b)
	}
	return reflect.DeepEqual(a, b)
}
