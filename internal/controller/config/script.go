package config

import (
	"errors"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/script"
	"github.com/tidegate/tidegate/internal/wire"
)

type (
	criteriaScriptSpec struct {
		Type    string        `yaml:"type" jsonschema:"required,enum=bool,enum=int,enum=string" jsonschema_description:"What the script yields, which criteria read as scripts.NAME."`
		Refresh wire.Duration `yaml:"refresh" jsonschema_description:"How long a value is fresh; the script is run again then. By default it is run at the conditions' reevaluation times alone."`
		Keep    wire.Duration `yaml:"keep" jsonschema_description:"How long the last value stands while runs fail; by default not at all."`
		Timeout wire.Duration `yaml:"timeout" jsonschema_description:"What bounds a run, 2s by default."`
		HTTP    []string      `yaml:"http" jsonschema_description:"What the script may ask: an origin with all that is at and below a path, such as https://roster.example.com/v1."`
		Script  string        `yaml:"script" jsonschema:"required" jsonschema_description:"The script in Starlark, which defines main(ctx)."`
	}
	entitlementScriptSpec struct {
		Keep    wire.Duration `yaml:"keep" jsonschema_description:"How long the last hosts stand while runs fail; by default not at all."`
		Timeout wire.Duration `yaml:"timeout" jsonschema_description:"What bounds a run, 2s by default."`
		HTTP    []string      `yaml:"http" jsonschema_description:"What the script may ask: an origin with all that is at and below a path, such as https://inventory.example.com/hosts."`
		Script  string        `yaml:"script" jsonschema:"required" jsonschema_description:"The script in Starlark, whose main(ctx) returns a list of hosts."`
	}
)

// The bounds of a script's run.
const (
	defaultTimeout = 2 * time.Second
	minTimeout     = 10 * time.Millisecond
	maxTimeout     = time.Minute
	minRefresh     = time.Second
)

func (l *loader) criteriaScript(d *resource.Document) {
	s := criteriaScriptSpec{Timeout: wire.Duration(defaultTimeout)}
	l.errs.Add(d.Decode(&s))
	if d.Has("refresh") && s.Refresh != 0 && s.Refresh.D() < minRefresh {
		l.errs.Add(d.At("refresh").Errorf("a script is run at most once a second; write 1s or more, or 0 to run it at the conditions' reevaluation times alone"))
	}
	l.declare(d, "scripts.", s.Type)
	l.script(d, wire.Script{Name: d.Name, Kind: wire.ScriptCriteria, Source: s.Script, Type: s.Type, Refresh: s.Refresh, Keep: s.Keep, Timeout: s.Timeout, HTTP: s.HTTP})
}

func (l *loader) entitlementScript(d *resource.Document) {
	s := entitlementScriptSpec{Timeout: wire.Duration(defaultTimeout)}
	l.errs.Add(d.Decode(&s))
	l.script(d, wire.Script{Name: d.Name, Kind: wire.ScriptEntitlement, Source: s.Script, Keep: s.Keep, Timeout: s.Timeout, HTTP: s.HTTP})
}

func (l *loader) script(d *resource.Document, s wire.Script) {
	if i := slices.IndexFunc(l.conf.Scripts, func(o wire.Script) bool { return o.Name == s.Name }); i >= 0 {
		l.errs.Add(d.AtName().Errorf("there is a CriteriaScript %q too, at %s; give this one another name", s.Name, l.named["CriteriaScript"][s.Name].AtName()))
	}
	if t := s.Timeout.D(); t < minTimeout || t > maxTimeout {
		l.errs.Add(d.At("timeout").Errorf("a run takes from %v to %v, not %v; write for example timeout: 2s", minTimeout, maxTimeout, t))
	}
	for i, prefix := range s.HTTP {
		if err := script.CheckPrefix(prefix); err != nil {
			l.errs.Add(d.At("http", i).Errorf("%v", err))
		}
	}
	if s.Source == "" {
		l.errs.Add(d.At("script").Errorf("the script is missing; write script: | and below it def main(ctx):"))
		return
	}
	_, err := script.Compile(s.Name, s.Source)
	var wrong *script.CompileError
	switch {
	case errors.As(err, &wrong):
		l.errs.Add(d.At("script").Inside(int(wrong.Line), int(wrong.Column)).Errorf("the script does not compile: %s", wrong.Msg))
	case err != nil:
		l.errs.Add(d.At("script").Errorf("the script does not compile: %v", err))
	}
	l.conf.Scripts = append(l.conf.Scripts, s)
}

// declare makes what d yields a variable of criteria.
func (l *loader) declare(d *resource.Document, prefix, typ string) {
	if typ == "" {
		l.errs.Add(d.At("type").Errorf("type is missing; write bool, int or string"))
		return
	}
	v := policy.Variable{Name: prefix + wire.Variable(d.Name), Type: policy.VarType(typ)}
	if !slices.Contains([]policy.VarType{policy.TypeBool, policy.TypeInt, policy.TypeString}, v.Type) {
		l.errs.Add(d.At("type").Errorf("unknown type %q; write bool, int or string", typ))
		return
	}
	if first, dup := l.from[v.Name]; dup {
		l.errs.Add(d.AtName().Errorf("criteria would read it as %s, which stands for what is at %s; give this one another name", v.Name, first))
		return
	}
	if _, err := policy.Compile(v.Name + " == " + v.Name); err == nil {
		l.errs.Add(d.AtName().Errorf("criteria would read it as %s, which is built in; give it another name", v.Name))
		return
	}
	if _, err := policy.CompileWith("true", []policy.Variable{v}); err != nil {
		l.errs.Add(d.AtName().Errorf("criteria could not read it as %s; write a name of a-z, 0-9, - and _ that begins with a letter and is no word of CEL's", v.Name))
		return
	}
	l.from[v.Name] = d.AtName()
	l.vars = append(l.vars, v)
}
