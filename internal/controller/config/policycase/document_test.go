package policycase

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// around is what the examples of docs/policies.md leave out.
const around = `kind: Controller
metadata: {name: c}
spec: {listen: "127.0.0.1:0", stateDir: state}
---
kind: Site
metadata: {name: quay}
---
kind: User
metadata: {name: maya}
spec: {password: '$argon2id$v=19$m=8192,t=1,p=1$dGlkZWdhdGUtZXhhbXBsZQ$GPENF0ri8baqcU4HAF4gj0xs5fCwDOfIxtcA3FpDkLw'}
---
kind: Condition
metadata: {name: calm}
spec: {criteria: risk < 50}
---
kind: Entitlement
metadata: {name: money}
spec:
  site: quay
  conditions: [fresh-code]
  actions: [{hosts: [payroll.example.com], ports: [443]}]
  shortcuts: [{id: payroll, link: "https://payroll.example.com/"}]
---
kind: Policy
metadata: {name: everyone}
spec: {assign: {everyone: true}, entitlements: [charts, money]}
`

var example = regexp.MustCompile("(?s)```yaml\n(kind: .*?)```")

// TestDocument reads the examples of docs/policies.md as they stand there, and the
// case among them passes.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	resources := around
	for _, m := range example.FindAllStringSubmatch(string(text), -1) {
		resources += "---\n" + m[1]
	}
	resources = strings.NewReplacer("\nkind: ", "\napiVersion: tidegate.org/v1\nkind: ",
		"e3b0…b855", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855").Replace("\n" + resources)
	file := filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(file, []byte(resources), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := load(t, file)
	cases, err := Load(file)
	if err != nil || len(conf.Conditions) != 2 || len(conf.Scripts) != 1 || len(cases) != 1 {
		t.Fatalf("%d conditions, %d scripts, %d cases, %v", len(conf.Conditions), len(conf.Scripts), len(cases), err)
	}
	results, err := Run(conf, cases)
	if d := differences(results); err != nil || d != nil {
		t.Error(strings.Join(d, "\n"), err)
	}
}
