package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/internal/script"
	"github.com/tidegate/tidegate/internal/wire"
)

// library holds the scripts that the controller has sent, compiled.
type library struct {
	// transport makes what carries a script's requests; allow is its allow-list.
	transport func(allow []string) http.RoundTripper

	mu       sync.Mutex
	revision uint64
	programs map[string]*program // by kind and name
}

// program is a script, compiled: nil code where it does not compile.
type program struct {
	wire.Script
	code      *script.Program
	wrong     error
	transport http.RoundTripper
}

// key of a program: an entitlement script may be called as a criteria script is.
func key(kind wire.ScriptKind, name string) string { return string(kind) + " " + name }

// apply takes the controller's scripts and says whether any differs from what
// there was. A revision lower than the last is refused.
func (l *library) apply(t *wire.ScriptsToken) (changed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Revision < l.revision {
		return false, fmt.Errorf("scripts of revision %d are older than %d", t.Revision, l.revision)
	}
	l.revision = t.Revision
	programs := make(map[string]*program, len(t.Scripts))
	for _, s := range t.Scripts {
		k := key(s.Kind, s.Name)
		if s.Kind == wire.ScriptCriteria {
			k = key(s.Kind, wire.Variable(s.Name))
		}
		if old := l.programs[k]; old != nil && sameScript(old.Script, s) {
			programs[k] = old
			continue
		}
		p := &program{Script: s, transport: l.transport(s.HTTP)}
		p.code, p.wrong = script.Compile(s.Name, s.Source)
		programs[k] = p
	}
	changed = !maps.Equal(programs, l.programs)
	l.programs = programs
	return changed, nil
}

func sameScript(a, b wire.Script) bool {
	hosts := slices.Equal(a.HTTP, b.HTTP)
	a.HTTP, b.HTTP = nil, nil
	return hosts && a.Name == b.Name && a.Kind == b.Kind && a.Source == b.Source && a.Type == b.Type &&
		a.Refresh == b.Refresh && a.Keep == b.Keep && a.Timeout == b.Timeout
}

// get is the program of that kind: an entitlement script by its name, a criteria
// script by that of its variable. Nil: there is none.
func (l *library) get(kind wire.ScriptKind, name string) *program {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.programs[key(kind, name)]
}

// criteriaScript is the variable of the script that a criterion reads by name.
func criteriaScript(name string) (variable string, ok bool) {
	return strings.CutPrefix(name, "scripts.")
}
