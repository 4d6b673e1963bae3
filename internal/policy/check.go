package policy

import (
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"

	"github.com/tidegate/tidegate/internal/wire"
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
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(), cel.ValidateComprehensionNestingLimit(1)),
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

// variable is a name that a criterion may use.
type variable struct {
	name     string
	typ      *cel.Type
	response wire.InteractionKind // whose answer's stamp it is, or empty
}

// variables are the clock and the claims.
var variables = []variable{
	{name: "now", typ: cel.TimestampType},
	{name: "responses.mfa", typ: cel.TimestampType, response: wire.InteractionMFA},
	{name: "responses.password", typ: cel.TimestampType, response: wire.InteractionPassword},
	{name: "responses.reason", typ: cel.TimestampType, response: wire.InteractionReason},
	{name: "responses.message", typ: cel.TimestampType, response: wire.InteractionMessage},
	{name: "risk", typ: cel.IntType},
	{name: "user.name", typ: cel.StringType},
	{name: "user.groups", typ: cel.ListType(cel.StringType)},
	{name: "system.address", typ: cel.StringType},
	{name: "device.firewall", typ: cel.BoolType},
	{name: "device.disk_encryption", typ: cel.BoolType},
	{name: "device.os_name", typ: cel.StringType},
	{name: "device.os_version", typ: cel.StringType},
	{name: "device.hostname", typ: cel.StringType},
}

// declared are the variables by name.
var declared = func() map[string]variable {
	m := map[string]variable{}
	for _, v := range variables {
		m[v.name] = v
	}
	return m
}()

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
