package script

import (
	"fmt"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
)

var (
	jsonDecode = json.Module.Members["decode"].(*starlark.Builtin)
	jsonEncode = json.Module.Members["encode"].(*starlark.Builtin)
)

// chargeDecode charges for decoding the given text, a step for each four bytes:
// a value takes two at least. The decoder descends as deep as the text says.
func (r *run) chargeDecode(given []starlark.Value) error {
	if len(given) == 0 {
		return nil
	}
	s, _ := starlark.AsString(given[0])
	if err := r.charge(1 + uint64(len(s))/4); err != nil {
		return err
	}
	if nested(s) > maxDepth {
		return fmt.Errorf("json.decode: nested more than %d deep", maxDepth)
	}
	return nil
}

// nested is how deep JSON text is nested at most, and at least as deep as a
// decoder gets into any other text.
func nested(s string) int {
	most, depth, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return most
}
