package policy

import (
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// environment is made once: an Env takes milliseconds to build.
var environment = sync.OnceValues(newEnvironment)

// checking guards the environment: a cel.Env that explains an error fills in
// what other checks on it copy (cel-go 0.33.2, checker.Env.Catalog).
var checking sync.Mutex

// newEnvironment declares every name that a criterion may use. within and
// during have no binding: they are evaluated here, never by cel-go.
func newEnvironment() (*cel.Env, error) {
	opts := []cel.EnvOption{
		cel.ParserRecursionLimit(64),
		cel.ParserExpressionSizeLimit(MaxSource),
		cel.Function("within", cel.Overload("within_timestamp_duration",
			[]*cel.Type{cel.TimestampType, cel.DurationType}, cel.BoolType)),
		cel.Function("during",
			cel.Overload("during_utc", []*cel.Type{cel.StringType, cel.StringType, cel.StringType}, cel.BoolType),
			cel.Overload("during_zone", []*cel.Type{cel.StringType, cel.StringType, cel.StringType, cel.StringType}, cel.BoolType)),
	}
	for _, v := range variables {
		opts = append(opts, cel.Variable(v.name, v.typ))
	}
	return cel.NewEnv(opts...)
}

// variables are the claims by name. "now" is declared so that whoever writes
// it is told about within and during instead of an unknown name.
var variables = []struct {
	name string
	typ  *cel.Type
}{
	{"now", cel.TimestampType},
	{"responses.mfa", cel.TimestampType},
	{"responses.password", cel.TimestampType},
	{"responses.reason", cel.TimestampType},
	{"responses.message", cel.TimestampType},
	{"user.name", cel.StringType},
	{"user.groups", cel.ListType(cel.StringType)},
	{"system.address", cel.StringType},
	{"device.firewall", cel.BoolType},
	{"device.disk_encryption", cel.BoolType},
	{"device.os_name", cel.StringType},
	{"device.os_version", cel.StringType},
	{"device.hostname", cel.StringType},
}

// check parses and type-checks a criterion.
func check(src string) (*ast.AST, error) {
	env, err := environment()
	if err != nil {
		return nil, &Error{Line: 1, Column: 1, Msg: err.Error()}
	}
	checking.Lock()
	a, issues := env.Compile(src)
	checking.Unlock()
	if issues.Err() != nil {
		e := &Error{Line: 1, Column: 1, Msg: issues.Err().Error()}
		if all := issues.Errors(); len(all) > 0 {
			e.Msg = all[0].Message
			if l := all[0].Location; l != nil && l.Line() > 0 {
				e.Line, e.Column = l.Line(), max(l.Column()+1, 1)
			}
		}
		return nil, e
	}
	if !a.OutputType().IsExactType(cel.BoolType) {
		return nil, &Error{Line: 1, Column: 1, Msg: "a criterion is true or false, this is " + a.OutputType().String() + `; write a comparison, for example device.os_name == "linux"`}
	}
	return a.NativeRep(), nil
}
