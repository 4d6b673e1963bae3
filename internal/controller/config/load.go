package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/mistyped"
	"github.com/tidegate/tidegate/internal/policy"
	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

// Load reads a controller's configuration from a file, or from all files
// *.yaml of a directory in the order of their names, which hold one Controller
// together. What is wrong comes back as resource.Errors: file, line, column,
// what is wrong and what to write instead.
func Load(path string) (*Config, error) {
	docs, digest, err := read(path)
	if err != nil && digest == "" {
		return nil, err
	}
	conf, err := load(path, docs, err)
	if err != nil {
		return nil, err
	}
	conf.Digest = digest
	return conf, nil
}

// loader checks resources against each other. Names come first, so that a
// reference may stand before what it names.
type loader struct {
	docs  []*resource.Document
	named map[string]map[string]*resource.Document // kind, name
	errs  resource.Errors
	conf  *Config
	apps  map[wire.AppID]resource.Place
	vars  []policy.Variable         // what criteria may read beyond the built-in claims
	from  map[string]resource.Place // where each of vars is declared
}

// kinds are the resources there are, in the order in which they are checked.
// Case is not among them: see CaseSpec.
var kinds = []struct {
	name string
	load func(*loader, *resource.Document)
}{
	{"Controller", (*loader).controller},
	{"User", (*loader).user},
	{"Group", (*loader).group},
	{"Site", (*loader).site},
	{"Gateway", (*loader).gateway},
	{"CriteriaScript", (*loader).criteriaScript},
	{"EntitlementScript", (*loader).entitlementScript},
	{"DeviceClaim", (*loader).deviceClaim},
	{"Transmitter", (*loader).transmitter},
	{"Condition", (*loader).condition},
	{"Entitlement", (*loader).entitlement},
	{"Policy", (*loader).policy},
}

func load(path string, docs []*resource.Document, parseErr error) (*Config, error) {
	l := &loader{docs: docs, named: map[string]map[string]*resource.Document{}, apps: map[wire.AppID]resource.Place{}, from: map[string]resource.Place{}, conf: &Config{
		Groups: map[string]*Group{},
		Users:  map[string]*User{}, Sites: map[wire.SiteID]*Site{}, Gateways: map[string]*Gateway{},
		Conditions: map[wire.ConditionID]*Condition{}, Entitlements: map[wire.EntitlementID]*Entitlement{},
	}}
	l.errs.Add(parseErr)
	var known []string
	for _, k := range kinds {
		known = append(known, k.name)
		l.named[k.name] = map[string]*resource.Document{}
	}
	for _, d := range docs {
		names, ok := l.named[d.Kind]
		switch {
		case d.Kind == CaseKind:
		case !ok:
			l.errs.Add(d.AtKind().Errorf("unknown kind %q%s; the kinds are %s", d.Kind, mistyped.Hint(d.Kind, known), strings.Join(known, ", ")))
		case names[d.Name] != nil:
			l.errs.Add(d.AtName().Errorf("%s %q exists already, at %s; give this one another name", d.Kind, d.Name, names[d.Name].AtName()))
		case d.Kind == "Controller" && len(names) > 0:
			l.errs.Add(d.AtKind().Errorf("there is a second Controller; a configuration has one"))
		default:
			names[d.Name] = d
		}
	}
	if len(l.named["Controller"]) == 0 && parseErr == nil {
		l.errs.Add(&resource.Error{File: path, Msg: "there is no Controller; write one, with at least listen: 127.0.0.1:8443 and stateDir"})
	}
	for _, k := range kinds {
		for _, d := range docs {
			if d.Kind == k.name && l.named[k.name][d.Name] == d {
				k.load(l, d)
			}
		}
	}
	l.codes()
	slices.SortFunc(l.conf.Policies, func(a, b *Policy) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(l.conf.Scripts, func(a, b wire.Script) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(l.conf.Gather, func(a, b wire.Gather) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(l.conf.Transmitters, func(a, b *Transmitter) int { return cmp.Compare(a.Name, b.Name) })
	l.conf.docs = l.named
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	return l.conf, nil
}

// refer says whether a reference to a resource names one, and complains if not.
func (l *loader) refer(d *resource.Document, kind, name string, path ...any) bool {
	if l.named[kind][name] != nil {
		return true
	}
	known := slices.Sorted(maps.Keys(l.named[kind]))
	p := d.At(path...)
	switch {
	case name == "":
		l.errs.Add(p.Errorf("%s is missing; name a %s", path[len(path)-1], kind))
	case len(known) == 0:
		l.errs.Add(p.Errorf("there is no %s %q, and no other; write one", kind, name))
	default:
		l.errs.Add(p.Errorf("there is no %s %q%s; there are %s", kind, name, mistyped.Hint(name, known), list(known)))
	}
	return false
}

// list names at most eight.
func list(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}
