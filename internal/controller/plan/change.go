package plan

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/policy"
)

// Change is one resource that the new configuration adds, removes or changes.
type Change struct {
	Verb string `json:"verb"` // added, removed, changed
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Fields are what differs in a changed one, by name.
	Fields []string `json:"fields,omitempty"`
}

// String is the change as a line of a difference: + added, - removed, ~ changed.
func (c Change) String() string {
	sign := map[string]string{"added": "+", "removed": "-", "changed": "~"}[c.Verb]
	s := fmt.Sprintf("%s %s %s", sign, c.Kind, c.Name)
	if len(c.Fields) > 0 {
		s += ": " + strings.Join(c.Fields, ", ")
	}
	return s
}

// changes lists what differs, by kind and name.
func changes(before, after *config.Config) []Change {
	var out []Change
	whole := func(kind string, a, b any) {
		if fields := differing(a, b); len(fields) > 0 {
			out = append(out, Change{Verb: "changed", Kind: kind, Name: after.Name, Fields: fields})
		}
	}
	whole("Controller", settings(before), settings(after))
	out = append(out, compare("User", before.Users, after.Users)...)
	out = append(out, compare("Group", before.Groups, after.Groups)...)
	out = append(out, compare("Site", before.Sites, after.Sites)...)
	out = append(out, compare("Gateway", before.Gateways, after.Gateways)...)
	out = append(out, compare("Condition", before.Conditions, after.Conditions)...)
	out = append(out, compare("Entitlement", before.Entitlements, after.Entitlements)...)
	out = append(out, compare("Policy", byName(before.Policies, policyName), byName(after.Policies, policyName))...)
	out = append(out, compare("Script", byName(before.Scripts, scriptName), byName(after.Scripts, scriptName))...)
	out = append(out, compare("DeviceClaim", byName(before.Gather, gatherName), byName(after.Gather, gatherName))...)
	out = append(out, compare("Transmitter", byName(before.Transmitters, transmitterName), byName(after.Transmitters, transmitterName))...)
	return out
}

func byName[T any](list []T, name func(T) string) map[string]T {
	m := map[string]T{}
	for _, v := range list {
		m[name(v)] = v
	}
	return m
}

// compare lists the differences of one kind of resource, in order of name.
func compare[K ~string, V any](kind string, before, after map[K]V) []Change {
	names := map[K]bool{}
	for n := range before {
		names[n] = true
	}
	for n := range after {
		names[n] = true
	}
	var out []Change
	for _, n := range slices.Sorted(maps.Keys(names)) {
		a, had := before[n]
		b, has := after[n]
		c := Change{Kind: kind, Name: string(n)}
		switch {
		case !had:
			c.Verb = "added"
		case !has:
			c.Verb = "removed"
		default:
			if c.Fields = differing(a, b); len(c.Fields) == 0 {
				continue
			}
			c.Verb = "changed"
		}
		out = append(out, c)
	}
	return out
}

// differing names the fields in which two structs, or pointers to them, differ;
// those of an embedded struct count as its own. Values are not told: a password
// is among them.
func differing(a, b any) []string {
	return fields(reflect.Indirect(reflect.ValueOf(a)), reflect.Indirect(reflect.ValueOf(b)))
}

// criteria is a condition, compiled.
var criteria = reflect.TypeFor[*policy.Criteria]()

func fields(a, b reflect.Value) []string {
	var out []string
	for i := range a.NumField() {
		f := a.Type().Field(i)
		switch {
		case !f.IsExported() || f.Type == criteria: // made of the text
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			out = append(out, fields(a.Field(i), b.Field(i))...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			out = append(out, strings.ToLower(f.Name[:1])+f.Name[1:])
		}
	}
	return out
}
