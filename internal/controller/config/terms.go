package config

import (
	"errors"
	"slices"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

// terms is what can be told of a condition's criteria from their text.
type terms struct {
	absolute bool // they depend on the time of day, or on a date
	risk     bool
	// values stand for all that a claim can be: whatever else it is, the criteria
	// come out as with one of them. A claim that is not here may be anything.
	values map[string][]any
}

// flags are the built-in claims that are true or false.
var flags = []string{"device.firewall", "device.disk_encryption", "device.screen_lock", "device.admin"}

// readTerms reads a condition that compiled. Macros are left as they stand.
func readTerms(c *Condition) (*terms, error) {
	p, err := parser.NewParser(parser.MaxRecursionDepth(64))
	if err != nil {
		return nil, err
	}
	parsed, issues := p.Parse(common.NewTextSource(c.Criteria))
	if len(issues.GetErrors()) > 0 {
		return nil, errors.New(issues.ToDisplayString())
	}
	r := reader{compared: map[string][]any{}, free: map[string]bool{}}
	r.read(parsed.Expr())
	t := &terms{absolute: r.absolute, values: map[string][]any{}}
	for _, name := range c.Compiled.Names() {
		t.risk = t.risk || name == "risk"
		switch {
		case slices.Contains(flags, name) || c.Variables[name] == "bool":
			t.values[name] = []any{false, true}
		case !r.free[name]:
			t.values[name] = around(r.compared[name])
		}
	}
	return t, nil
}

// around are values on all sides of those that a claim is compared with.
func around(with []any) []any {
	var out []any
	add := func(v any) {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	for _, v := range with {
		switch v := v.(type) {
		case int64:
			add(v - 1)
			add(v)
			add(v + 1)
		case string:
			add(v)
			add("neither " + v)
		}
	}
	return out
}

// reader walks criteria.
type reader struct {
	absolute bool
	compared map[string][]any // claim, literals
	free     map[string]bool  // claims that are read in another way than compared with literals
}

var comparisons = []string{operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals}

func (r *reader) read(e ast.Expr) {
	switch e.Kind() {
	case ast.IdentKind:
		r.free[e.AsIdent()] = true
		r.absolute = r.absolute || e.AsIdent() == "now"
	case ast.SelectKind:
		if name := nameOf(e); name != "" {
			r.free[name] = true
		} else {
			r.read(e.AsSelect().Operand())
		}
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			r.read(x)
		}
	case ast.CallKind:
		r.call(e.AsCall())
	}
}

func (r *reader) call(c ast.CallExpr) {
	args, fn := c.Args(), c.FunctionName()
	switch {
	case fn == "within":
		return
	case fn == "during":
		r.absolute = true
		return
	case fn == operators.Subtract && len(args) == 2 && nameOf(args[0]) == "now" && isAnswer(args[1]):
		return // the age of an answer
	case slices.Contains(comparisons, fn) && len(args) == 2:
		if r.compare(args[0], args[1]) || r.compare(args[1], args[0]) {
			return
		}
	case fn == operators.In && len(args) == 2 && args[1].Kind() == ast.ListKind:
		if r.among(args[0], args[1].AsList().Elements()) {
			return
		}
	}
	if c.IsMemberFunction() {
		r.read(c.Target())
	}
	for _, a := range args {
		r.read(a)
	}
}

// compare reads claim with a literal, or the clock with what follows an answer.
func (r *reader) compare(claim, with ast.Expr) bool {
	name := nameOf(claim)
	if name == "now" {
		return follows(with)
	}
	v := literal(with)
	if name == "" || v == nil {
		return false
	}
	r.compared[name] = append(r.compared[name], v)
	return true
}

func (r *reader) among(claim ast.Expr, list []ast.Expr) bool {
	name := nameOf(claim)
	var all []any
	for _, x := range list {
		v := literal(x)
		if v == nil {
			return false
		}
		all = append(all, v)
	}
	if name == "" || name == "now" {
		return false
	}
	r.compared[name] = append(r.compared[name], all...)
	return true
}

// follows says whether e is an answer's time, or a literal duration off it.
func follows(e ast.Expr) bool {
	if isAnswer(e) {
		return true
	}
	if e.Kind() != ast.CallKind {
		return false
	}
	c := e.AsCall()
	if fn := c.FunctionName(); fn != operators.Add && fn != operators.Subtract || len(c.Args()) != 2 {
		return false
	}
	d := c.Args()[1]
	return isAnswer(c.Args()[0]) && d.Kind() == ast.CallKind && d.AsCall().FunctionName() == "duration"
}

func isAnswer(e ast.Expr) bool {
	return e.Kind() == ast.SelectKind && nameOf(e.AsSelect().Operand()) == "responses"
}

// nameOf is the name that an identifier or a field of one spells, or nothing.
func nameOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if of := e.AsSelect().Operand(); of.Kind() == ast.IdentKind && !e.AsSelect().IsTestOnly() {
			return of.AsIdent() + "." + e.AsSelect().FieldName()
		}
	}
	return ""
}

// literal is a whole number or a text as it is written, or nil.
func literal(e ast.Expr) any {
	if e.Kind() != ast.LiteralKind {
		return nil
	}
	switch v := e.AsLiteral().(type) {
	case types.Int:
		return int64(v)
	case types.String:
		return string(v)
	}
	return nil
}
