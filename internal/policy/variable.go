package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"

	"github.com/tidegate/tidegate/internal/wire"
)

// Variable is a name that a criterion may use beyond the built-in ones: the
// value of an access-criteria script, scripts.ID, or a device claim that the
// administrator declared, device.ID. An ID is [a-z][a-z0-9_]*.
type Variable struct {
	Name string
	Type VarType
}

// VarType is the type of a declared variable.
type VarType string

// The types of declared variables. A value that is reported as anything else
// is as good as missing.
const (
	TypeBool   VarType = "bool"
	TypeInt    VarType = "int"
	TypeString VarType = "string"
)

func (t VarType) cel() *cel.Type {
	switch t {
	case TypeBool:
		return cel.BoolType
	case TypeInt:
		return cel.IntType
	case TypeString:
		return cel.StringType
	}
	return nil
}

// origin is where a variable's value comes from.
type origin int8

const (
	fromClock origin = iota
	fromResponse
	fromRisk
	fromUserName
	fromUserGroups
	fromAddress
	fromDevice
	fromScript
)

// variable is a name that a criterion may use.
type variable struct {
	name     string // in CEL
	id       string // behind the dot
	typ      *cel.Type
	from     origin
	response wire.InteractionKind // whose answer's stamp it is, or empty
}

// variables are the built-in ones: the clock and the claims. Their order is
// that of their bits in Inputs.
var variables = []variable{
	{name: "now", typ: cel.TimestampType, from: fromClock},
	{name: "responses.mfa", typ: cel.TimestampType, from: fromResponse, response: wire.InteractionMFA},
	{name: "responses.password", typ: cel.TimestampType, from: fromResponse, response: wire.InteractionPassword},
	{name: "responses.reason", typ: cel.TimestampType, from: fromResponse, response: wire.InteractionReason},
	{name: "responses.message", typ: cel.TimestampType, from: fromResponse, response: wire.InteractionMessage},
	{name: "risk", typ: cel.IntType, from: fromRisk},
	{name: "user.name", typ: cel.StringType, from: fromUserName},
	{name: "user.groups", typ: cel.ListType(cel.StringType), from: fromUserGroups},
	{name: "system.address", typ: cel.StringType, from: fromAddress},
	device("firewall", cel.BoolType),
	device("disk_encryption", cel.BoolType),
	device("screen_lock", cel.BoolType),
	device("admin", cel.BoolType),
	device("os_name", cel.StringType),
	device("os_version", cel.StringType),
	device("kernel", cel.StringType),
	device("hostname", cel.StringType),
	device("client_version", cel.StringType),
	device("addresses", cel.ListType(cel.StringType)),
}

func device(id string, typ *cel.Type) variable {
	return variable{name: "device." + id, id: id, typ: typ, from: fromDevice}
}

// vocabulary is the variables that a criterion may use, by their names.
type vocabulary map[string]*variable

var builtin = func() vocabulary {
	m := vocabulary{}
	for i := range variables {
		m[variables[i].name] = &variables[i]
	}
	return m
}()

// identifier is what follows the dot in a declared name.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// declare checks a declaration. A built-in claim that is declared again as what
// it is anyway is nil.
func declare(v Variable) (*variable, error) {
	refuse := func(format string, args ...any) (*variable, error) {
		return nil, fmt.Errorf("variable %q: "+format, append([]any{v.Name}, args...)...)
	}
	out := &variable{name: v.Name, typ: v.Type.cel()}
	var ok bool
	if out.id, ok = strings.CutPrefix(v.Name, "device."); ok {
		out.from = fromDevice
	} else if out.id, ok = strings.CutPrefix(v.Name, "scripts."); ok {
		out.from = fromScript
	}
	switch b := builtin[v.Name]; {
	case out.typ == nil:
		return refuse("%q is no type; write bool, int or string", v.Type)
	case b != nil && b.typ == out.typ:
		return nil, nil
	case b != nil:
		return refuse("it is built in and is %s; choose another name", b.typ)
	case !ok:
		return refuse("only scripts.NAME and device.NAME can be declared")
	case !identifier.MatchString(out.id) || slices.Contains([]string{"true", "false", "null", "in"}, out.id):
		return refuse("write the name in lower-case letters, digits and _, beginning with a letter, and none of CEL's own words")
	}
	return out, nil
}

// environment is what a criterion is checked in.
type environment struct {
	env   *cel.Env
	names vocabulary
}

// maxEnvironments bounds how many sets of declarations are kept: an
// environment takes the better part of a millisecond to extend.
const maxEnvironments = 64

// environments are the base, made once, and what has been extended from it.
type environments struct {
	mu       sync.Mutex
	base     *environment
	extended map[string]*environment
}

var shared environments

// with is the environment in which these are declared.
func (s *environments) with(vars []Variable) (*environment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base == nil {
		env, err := newEnvironment()
		if err != nil {
			return nil, err
		}
		s.base = &environment{env: env, names: builtin}
	}
	names := vocabulary{}
	for _, v := range vars {
		d, err := declare(v)
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		if old, ok := names[d.name]; ok && old.typ != d.typ {
			return nil, fmt.Errorf("variable %q: it is declared as %s and as %s; keep one of them", d.name, old.typ, d.typ)
		}
		names[d.name] = d
	}
	if len(names) == 0 {
		return s.base, nil
	}
	var key strings.Builder
	var opts []cel.EnvOption
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&key, "%s %s\n", name, names[name].typ)
		opts = append(opts, cel.Variable(name, names[name].typ))
	}
	if e, ok := s.extended[key.String()]; ok {
		return e, nil
	}
	checking.Lock()
	env, err := s.base.env.Extend(opts...)
	checking.Unlock()
	if err != nil {
		return nil, err
	}
	for name, v := range builtin {
		names[name] = v
	}
	if s.extended == nil || len(s.extended) >= maxEnvironments {
		s.extended = map[string]*environment{}
	}
	e := &environment{env: env, names: names}
	s.extended[key.String()] = e
	return e, nil
}
