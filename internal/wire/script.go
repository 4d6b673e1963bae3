package wire

import (
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"
)

// TypeScripts is the type of a ScriptsToken.
const TypeScripts = "scripts+jwt"

// EventScripts carries a ScriptsToken to a gateway, as a compact JWS in a JSON
// string: at first, and whenever a script has changed.
const EventScripts = "scripts"

// ScriptsToken are all the scripts that a gateway runs, whole and signed.
type ScriptsToken struct {
	Revision uint64           `json:"rev"` // of the policies it belongs to
	Issuer   string           `json:"iss"`
	Issued   *jwt.NumericDate `json:"iat"`
	Scripts  []Script         `json:"scripts"`
}

// ScriptKind says what a script is for.
type ScriptKind string

// The kinds of scripts that a gateway runs.
const (
	// ScriptCriteria yields an outside value, which criteria read as scripts.NAME.
	ScriptCriteria ScriptKind = "criteria"
	// ScriptEntitlement yields the hosts of an action.
	ScriptEntitlement ScriptKind = "entitlement"
)

// Script is a Starlark program of the administrator's (see package script).
type Script struct {
	Name   string     `json:"name"`
	Kind   ScriptKind `json:"kind"`
	Source string     `json:"source"`
	// Type is what a criteria script yields: bool, int or string.
	Type string `json:"type,omitempty"`
	// Refresh is how long a criteria script's value is fresh; it is run again then.
	Refresh Duration `json:"refresh,omitempty"`
	// Keep is how long the last value stands while runs fail; 0: not at all.
	Keep Duration `json:"keep,omitempty"`
	// Timeout bounds a run.
	Timeout Duration `json:"timeout,omitempty"`
	// HTTP are the URL prefixes that the script may ask.
	HTTP []string `json:"http,omitempty"`
}

// Variable is the name by which criteria read something that is called name in
// the resources: "on-call" is read as on_call.
func Variable(name string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(name) }

// VerifyScripts verifies the scripts that a controller sent its gateways.
func (k Keys) VerifyScripts(token string) (*ScriptsToken, error) {
	t := &ScriptsToken{}
	if err := k.verify(token, TypeScripts, t); err != nil {
		return nil, err
	}
	if t.Revision == 0 {
		return nil, fmt.Errorf("%s: a claim is missing", TypeScripts)
	}
	return t, nil
}
