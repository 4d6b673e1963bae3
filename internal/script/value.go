package script

import (
	"fmt"

	"go.starlark.net/starlark"
)

// The most hosts that an entitlement script may return, and the longest of them
// in bytes, which is the longest name that DNS has.
const (
	MaxHosts = 1000
	MaxHost  = 253
)

// Value is what a script returned: a bool, an int, a string or a list of
// strings. Who wants one of them asks for it; another is an error in words.
type Value struct {
	script string
	kind   string // what the script's author calls its type
	bool   bool
	int    int64
	text   string
	list   []string
}

// newValue is what main returned, if it is a value of at most room bytes.
func newValue(script string, v starlark.Value, room int) (Value, error) {
	value := Value{script: script, kind: v.Type()}
	size := 8
	switch v := v.(type) {
	case starlark.Bool:
		value.bool = bool(v)
	case starlark.Int:
		i, ok := v.Int64()
		if !ok {
			return Value{}, kindf(ErrValue, "main returned an int of more than 64 bits; return a smaller one")
		}
		value.int = i
	case starlark.String:
		value.text, size = string(v), len(v)
	case *starlark.List, starlark.Tuple:
		value.kind = "list"
		list := v.(starlark.Indexable)
		if list.Len() > MaxHosts {
			return Value{}, kindf(ErrValue, "main returned a list of %d; return at most %d", list.Len(), MaxHosts)
		}
		value.list = make([]string, list.Len())
		for i := range value.list {
			s, ok := list.Index(i).(starlark.String)
			if !ok {
				return Value{}, kindf(ErrValue, "main returned a list with %s in it; return a list of strings", article(list.Index(i).Type()))
			}
			value.list[i] = string(s)
			size += len(s)
		}
	case starlark.NoneType:
		return Value{}, kindf(ErrValue, "main returned nothing; let every way through it end in return")
	default:
		return Value{}, kindf(ErrValue, "main returned %s; return a bool, an int, a string or a list of strings", article(v.Type()))
	}
	if size > room {
		return Value{}, kindf(ErrOutput, "it printed and returned too much by %d bytes; return less", size-room)
	}
	return value, nil
}

// Type is what v is: bool, int, string or list.
func (v Value) Type() string { return v.kind }

// Bool is v as a bool.
func (v Value) Bool() (bool, error) { return v.bool, v.want("bool", "True or False") }

// Int is v as an int.
func (v Value) Int() (int64, error) { return v.int, v.want("int", "a whole number") }

// Text is v as a string.
func (v Value) Text() (string, error) { return v.text, v.want("string", "a string") }

// Hosts is v as the hosts of an entitlement: at most MaxHosts of at most MaxHost
// bytes, none empty. What they mean is the caller's to judge.
func (v Value) Hosts() ([]string, error) {
	if err := v.want("list", "a list of host names, addresses and networks, as strings"); err != nil {
		return nil, err
	}
	for i, h := range v.list {
		if h == "" || len(h) > MaxHost {
			return nil, &Error{Script: v.script, Kind: ErrValue, Msg: fmt.Sprintf("host %d of those that main returned has %d bytes; a host has 1 to %d", i+1, len(h), MaxHost)}
		}
	}
	return v.list, nil
}

// want is an error if v is not of the kind.
func (v Value) want(kind, instead string) error {
	if v.kind == kind {
		return nil
	}
	return &Error{Script: v.script, Kind: ErrValue, Msg: fmt.Sprintf("main returned %s where %s is wanted; return %s", article(v.kind), article(kind), instead)}
}

// article is a type's name with its article.
func article(name string) string {
	if name == "int" {
		return "an int"
	}
	return "a " + name
}
