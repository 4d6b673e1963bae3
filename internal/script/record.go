package script

import (
	"fmt"

	"go.starlark.net/starlark"
)

// record is a value with named fields, which do not change.
type record struct {
	name   string
	fields starlark.StringDict
}

var _ starlark.HasAttrs = (*record)(nil)

// Attr implements starlark.HasAttrs; nil: there is none.
func (r *record) Attr(name string) (starlark.Value, error) { return r.fields[name], nil }

// AttrNames implements starlark.HasAttrs.
func (r *record) AttrNames() []string { return r.fields.Keys() }

// Freeze implements starlark.Value.
func (r *record) Freeze() { r.fields.Freeze() }

// Hash implements starlark.Value.
func (r *record) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", r.name) }

// String implements starlark.Value.
func (r *record) String() string { return r.name + r.fields.String() }

// Truth implements starlark.Value.
func (r *record) Truth() starlark.Bool { return true }

// Type implements starlark.Value: messages call the record by its name.
func (r *record) Type() string { return r.name }
