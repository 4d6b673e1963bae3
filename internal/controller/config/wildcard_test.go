package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLintManyBelow: a wildcard with many names of other entitlements below it costs
// no look at every user for each of them.
func TestLintManyBelow(t *testing.T) {
	const names, users = 60, 60
	src, err := os.ReadFile("testdata/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.Write(src)
	document := func(kind, name, spec string) {
		fmt.Fprintf(&b, "\n---\napiVersion: tidegate.org/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n", kind, name, spec)
	}
	document("Entitlement", "wild", `{title: All, site: hq, actions: [{hosts: ["*.corp.example.com"], ports: [443]}]}`)
	given := "wild"
	for i := range names {
		document("Entitlement", fmt.Sprintf("e%d", i), fmt.Sprintf("{title: One, site: hq, actions: [{hosts: [h%d.corp.example.com], ports: [443]}]}", i))
		given += fmt.Sprintf(", e%d", i)
	}
	document("Policy", "both", "{assign: {everyone: true}, entitlements: ["+given+"]}")
	for i := range users {
		document("User", fmt.Sprintf("u%d", i), "{groups: [staff], password: '$argon2id$v=19$m=8192,t=1,p=1$dGlkZWdhdGUtZXhhbXBsZQ$GPENF0ri8baqcU4HAF4gj0xs5fCwDOfIxtcA3FpDkLw'}")
	}
	file := filepath.Join(t.TempDir(), "controller.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range conf.Lint(lintNow) {
		if w.Rule == "bypass" {
			t.Errorf("both are given to everybody: %v", w)
		}
	}
	if allocated := testing.AllocsPerRun(1, func() { conf.Lint(lintNow) }); allocated > 100*(names+users) {
		t.Errorf("%v allocations, for %d names and %d users", allocated, names, users)
	}
}
