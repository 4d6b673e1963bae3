package resource

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/tidegate/tidegate/internal/mistyped"
)

// maxDepth bounds how deep a file may nest.
const maxDepth = 32

type decoder struct {
	file  *file
	errs  Errors
	depth int
	// secret is on within a field whose tag says so: what stands there is shown
	// in no message, which may go to a log.
	secret bool
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) bool {
	d.errs = append(d.errs, &Error{File: d.file.name, Line: n.Line, Column: n.Column, Msg: fmt.Sprintf(format, args...)})
	return false
}

// decode fills the value that v points to; name is what messages call n. It
// says whether nothing was wrong.
func (d *decoder) decode(n *yaml.Node, name string, v any) bool {
	return d.value(n, name, reflect.ValueOf(v).Elem())
}

var (
	nodeType = reflect.TypeFor[*yaml.Node]()
	textType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (d *decoder) value(n *yaml.Node, name string, v reflect.Value) bool {
	if d.depth++; d.depth > maxDepth {
		d.depth--
		return d.fail(n, "%s nests deeper than %d; flatten it", name, maxDepth)
	}
	defer func() { d.depth-- }()
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return d.fail(n, "%s uses an anchor or alias, which are not supported; write the value out", name)
	case n.Style&yaml.TaggedStyle != 0:
		return d.fail(n, "%s has the tag %s, which is not supported; remove it", name, n.Tag)
	case v.Type() == nodeType:
		if !isNull(n) {
			v.Set(reflect.ValueOf(n))
		}
		return true
	case isNull(n):
		return d.fail(n, "%s has no value; write one, or remove the key", name)
	case reflect.PointerTo(v.Type()).Implements(textType):
		return d.text(n, name, v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if !d.value(n, name, p.Elem()) {
			return false
		}
		v.Set(p)
		return true
	case reflect.Struct:
		return d.structure(n, name, v)
	case reflect.Map:
		return d.mapping(n, name, v)
	case reflect.Slice:
		return d.sequence(n, name, v)
	}
	return d.scalar(n, name, v)
}

func (d *decoder) text(n *yaml.Node, name string, v reflect.Value) bool {
	if n.Kind != yaml.ScalarNode {
		return d.fail(n, "%s must be one value, not %s", name, d.describe(n))
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil {
		return d.fail(n, "%s: %v", name, err)
	}
	return true
}

func (d *decoder) structure(n *yaml.Node, name string, v reflect.Value) bool {
	if n.Kind != yaml.MappingNode {
		return d.fail(n, "%s must be a mapping (key: value), not %s", name, d.describe(n))
	}
	fields, secrets := map[string]reflect.Value{}, map[string]bool{}
	var known []string
	for i := range v.NumField() {
		key, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if key != "" && key != "-" {
			fields[key], secrets[key] = v.Field(i), options == "secret"
			known = append(known, key)
		}
	}
	return d.pairs(n, name, func(key, value *yaml.Node) bool {
		f, ok := fields[key.Value]
		if !ok {
			return d.fail(key, "unknown key %q in %s%s; the keys are %s", key.Value, name, mistyped.Hint(key.Value, known), strings.Join(known, ", "))
		}
		outer := d.secret
		defer func() { d.secret = outer }()
		d.secret = outer || secrets[key.Value]
		return d.value(value, key.Value, f)
	})
}

func (d *decoder) mapping(n *yaml.Node, name string, v reflect.Value) bool {
	if n.Kind != yaml.MappingNode {
		return d.fail(n, "%s must be a mapping (key: value), not %s", name, d.describe(n))
	}
	m := reflect.MakeMap(v.Type())
	ok := d.pairs(n, name, func(key, value *yaml.Node) bool {
		e := reflect.New(v.Type().Elem()).Elem()
		if !d.value(value, key.Value, e) {
			return false
		}
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), e)
		return true
	})
	v.Set(m)
	return ok
}

func (d *decoder) pairs(n *yaml.Node, name string, each func(key, value *yaml.Node) bool) bool {
	seen := map[string]int{}
	good := true
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
			good = d.fail(key, "a key of %s must be plain text", name)
			continue
		}
		if line, dup := seen[key.Value]; dup {
			good = d.fail(key, "%q is in %s twice (line %d); remove one", key.Value, name, line)
			continue
		}
		seen[key.Value] = key.Line
		good = each(key, value) && good
	}
	return good
}

func (d *decoder) sequence(n *yaml.Node, name string, v reflect.Value) bool {
	if n.Kind != yaml.SequenceNode {
		return d.fail(n, "%s must be a list ([a, b] or lines with -), not %s", name, d.describe(n))
	}
	s := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	good := true
	for i, c := range n.Content {
		good = d.value(c, fmt.Sprintf("%s[%d]", name, i), s.Index(i)) && good
	}
	v.Set(s)
	return good
}

func (d *decoder) scalar(n *yaml.Node, name string, v reflect.Value) bool {
	if n.Kind != yaml.ScalarNode {
		return d.fail(n, "%s must be %s, not %s", name, want(v), d.describe(n))
	}
	tag, bits := n.ShortTag(), 64
	if k := v.Kind(); k >= reflect.Int && k <= reflect.Uint64 || k == reflect.Float32 || k == reflect.Float64 {
		bits = v.Type().Bits()
	}
	switch k := v.Kind(); {
	case k == reflect.String && tag == "!!str":
		v.SetString(n.Value)
		return true
	case k == reflect.String && d.secret:
		return d.fail(n, "%s must be text; write it in quotes", name)
	case k == reflect.String:
		return d.fail(n, "%s must be text; write it in quotes: %q", name, n.Value)
	case k == reflect.Bool && (n.Value == "true" || n.Value == "false") && tag == "!!bool":
		v.SetBool(n.Value == "true")
		return true
	case v.CanInt() && tag == "!!int":
		if i, err := strconv.ParseInt(n.Value, 10, bits); err == nil {
			v.SetInt(i)
			return true
		}
	case v.CanUint() && tag == "!!int":
		if i, err := strconv.ParseUint(n.Value, 10, bits); err == nil {
			v.SetUint(i)
			return true
		}
	case v.CanFloat() && (tag == "!!float" || tag == "!!int"):
		if x, err := strconv.ParseFloat(n.Value, bits); err == nil {
			v.SetFloat(x)
			return true
		}
	}
	return d.fail(n, "%s must be %s, not %s", name, want(v), d.describe(n))
}

// want says what a scalar must be.
func want(v reflect.Value) string {
	switch k := v.Kind(); {
	case k == reflect.Bool:
		return "true or false"
	case v.CanInt():
		return "a whole number"
	case v.CanUint():
		return fmt.Sprintf("a whole number from 0 to %d", ^uint64(0)>>(64-v.Type().Bits()))
	case v.CanFloat():
		return "a number"
	}
	return "text"
}

func (d *decoder) describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case d.secret:
		return "what stands there"
	}
	return fmt.Sprintf("%q", n.Value)
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
