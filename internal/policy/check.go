package policy

import (
	"cmp"
	"regexp"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// checking guards what happens in environments: a cel.Env that explains an
// error fills in what other checks on it copy (cel-go 0.33.2,
// checker.Env.Catalog).
var checking sync.Mutex

// newEnvironment declares every name that a criterion may use without being
// declared. within and during have no binding: they are evaluated here, never
// by cel-go. It remembers macros as they were written, to quote them.
func newEnvironment() (*cel.Env, error) {
	opts := []cel.EnvOption{
		cel.ParserRecursionLimit(64),
		cel.ParserExpressionSizeLimit(MaxSource),
		cel.EnableMacroCallTracking(),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(), cel.ValidateComprehensionNestingLimit(1)),
		cel.Function("within", cel.Overload("within_timestamp_duration",
			[]*cel.Type{cel.TimestampType, cel.DurationType}, cel.BoolType)),
		cel.Function("during",
			cel.Overload("during_utc", []*cel.Type{cel.StringType, cel.StringType, cel.StringType}, cel.BoolType),
			cel.Overload("during_zone", []*cel.Type{cel.StringType, cel.StringType, cel.StringType, cel.StringType}, cel.BoolType)),
		cel.Function("inNetwork", cel.Overload("in_network_string_string",
			[]*cel.Type{cel.StringType, cel.StringType}, cel.BoolType, cel.BinaryBinding(inNetwork))),
	}
	for _, v := range variables {
		opts = append(opts, cel.Variable(v.name, v.typ))
	}
	return cel.NewEnv(opts...)
}

// check parses and type-checks a criterion.
func (e *environment) check(src string) (*ast.AST, error) {
	checking.Lock()
	a, issues := e.env.Compile(src)
	checking.Unlock()
	if issues.Err() != nil {
		err := &Error{Line: 1, Column: 1, Msg: issues.Err().Error()}
		if all := issues.Errors(); len(all) > 0 {
			if l := all[0].Location; l != nil && l.Line() > 0 {
				err.Line, err.Column = l.Line(), max(l.Column()+1, 1)
			}
			err.Msg = all[0].Message + remedy(all[0].Message, src, err.Line, err.Column)
		}
		return nil, err
	}
	if !a.OutputType().IsExactType(cel.BoolType) {
		return nil, &Error{Line: 1, Column: 1, Msg: "a criterion is true or false, this is " + a.OutputType().String() + `; write a comparison, for example device.os_name == "linux"`}
	}
	return a.NativeRep(), nil
}

// undeclared is how cel-go reports a name that it does not know: the root of
// it, or the whole.
var undeclared = regexp.MustCompile(`^undeclared reference to '([a-zA-Z0-9_]*)(?:\.([a-zA-Z0-9_]*))?`)

// selected is how a name goes on behind its root.
var selected = regexp.MustCompile(`^[a-z]+\s*\.\s*([a-zA-Z0-9_]+)`)

// remedy is what to write where a name is not known, which stands at that
// place of the source.
func remedy(msg, src string, line, column int) string {
	m := undeclared.FindStringSubmatch(msg)
	if m == nil {
		return ""
	}
	root, id := m[1], m[2]
	if lines := strings.Split(src, "\n"); id == "" && line <= len(lines) {
		text := []rune(lines[line-1])
		if s := selected.FindStringSubmatch(string(text[min(column-1, len(text)):])); s != nil {
			id = s[1]
		}
	}
	switch known := builtinOf(root + "."); {
	case root == "scripts":
		return "; declare a CriteriaScript named " + cmp.Or(id, "NAME") + " and write scripts." + cmp.Or(id, "NAME")
	case root == "device":
		return "; declare a DeviceClaim named " + cmp.Or(id, "NAME") + ", or write a built-in one: " + known
	case known != "":
		return "; write " + known
	}
	return "; declare a CriteriaScript named " + root + " and write scripts." + root + ", or a DeviceClaim and write device." + root
}

// builtinOf lists the built-in variables whose names begin so.
func builtinOf(prefix string) string {
	var out []string
	for _, v := range variables {
		if strings.HasPrefix(v.name, prefix) {
			out = append(out, v.name)
		}
	}
	return strings.Join(out, ", ")
}
