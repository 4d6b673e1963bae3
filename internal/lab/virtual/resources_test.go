package virtual_test

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// guarded is an entitlement to an application of its own, with a script and a
// condition; the application, the entitlement and the condition have one name,
// and the host is NAME.test.
type guarded struct {
	name     wire.EntitlementID
	criteria string
	more     string      // of the condition's spec, a line
	effect   wire.Effect // of a further action on the same host; empty: none
	plain    bool        // has no script
}

const (
	isStaff  = `"staff" in user.groups`
	isNobody = `"nobody" in user.groups`
)

// policy gives everyone the entitlements.
func policy(all ...guarded) string {
	var b strings.Builder
	var names []string
	for _, g := range all {
		names = append(names, string(g.name))
		further := ""
		if g.effect != "" {
			further = fmt.Sprintf(", {effect: %s, protocol: tcp, hosts: [%s.test], ports: [80]}", g.effect, g.name)
		}
		script := ""
		if !g.plain {
			script = ", script: " + scriptOf(g.name)
			fmt.Fprintf(&b, `apiVersion: tidegate.org/v1
kind: EntitlementScript
metadata: {name: %s}
spec:
  script: |
    def main(ctx):
        return ["10.9.0.1"]
---
`, scriptOf(g.name))
		}
		fmt.Fprintf(&b, `apiVersion: tidegate.org/v1
kind: Condition
metadata: {name: %[1]s}
spec:
  criteria: '%[2]s'
  %[3]s
---
apiVersion: tidegate.org/v1
kind: Entitlement
metadata: {name: %[1]s}
spec:
  title: %[1]s
  site: hq
  actions: [{effect: allow, protocol: tcp, hosts: [%[1]s.test], ports: [80]%[4]s}%[5]s]
  conditions: [%[1]s]
  shortcuts: [{id: %[1]s, name: %[1]s, link: "http://%[1]s.test/"}]
---
`, g.name, g.criteria, g.more, script, further)
	}
	fmt.Fprintf(&b, `apiVersion: tidegate.org/v1
kind: Policy
metadata: {name: everyone}
spec: {assign: {everyone: true}, entitlements: [%s]}
`, strings.Join(names, ", "))
	return b.String()
}

// open has a condition that holds, shut one that fails.
const (
	open = wire.EntitlementID("open")
	shut = wire.EntitlementID("shut")
)

// both are open and shut; more is a line of both conditions' specs.
func both(more string) string {
	return policy(guarded{name: open, criteria: isStaff, more: more}, guarded{name: shut, criteria: isNobody, more: more})
}

// names are the addresses of all applications.
func names() map[string][]string {
	return map[string][]string{"open.test": {"10.0.0.1"}, "shut.test": {"10.0.0.2"}, "code.test": {"10.0.0.3"}, "word.test": {"10.0.0.4"}, "trap.test": {"10.0.0.5"}}
}
