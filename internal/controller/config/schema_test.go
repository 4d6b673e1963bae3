package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the schema")

const shipped = "../../../packaging/schema/tidegate.schema.json"

func TestSchemaIsCurrent(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(shipped), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(shipped, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is not what the types say; run go generate ./internal/controller/config", shipped)
	}
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// documents are those of a file as JSON has them.
func documents(t *testing.T, src string) []any {
	t.Helper()
	loader, err := yaml.NewLoader(strings.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	var docs []any
	for {
		var n yaml.Node
		if err := loader.Load(&n); err != nil {
			return docs
		}
		docs = append(docs, plain(&n))
	}
}

func plain(n *yaml.Node) any {
	switch {
	case n.Kind == yaml.DocumentNode:
		return plain(n.Content[0])
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	}
	return n.Value
}

func TestExamplesFitTheSchema(t *testing.T) {
	s := compiledSchema(t)
	files, err := filepath.Glob("testdata/harbour/[0-9]*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range append(files, "testdata/controller.yaml") {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range documents(t, string(src)) {
			seen[d.(map[string]any)["kind"].(string)] = true
			if err := s.Validate(d); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
	for _, k := range specs {
		if !seen[k.kind] {
			t.Errorf("no example has a %s", k.kind)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	head := func(kind string) string {
		return "apiVersion: tidegate.org/v1\nkind: " + kind + "\nmetadata: {name: a}\n"
	}
	for _, c := range []struct{ name, src string }{
		{"another version", "apiVersion: v2\nkind: Site\nmetadata: {name: a}"},
		{"unknown kind", head("Sit")},
		{"no name", "apiVersion: tidegate.org/v1\nkind: Site\nmetadata: {}"},
		{"a name that is no id", "apiVersion: tidegate.org/v1\nkind: Site\nmetadata: {name: A b}"},
		{"unknown key", head("Site") + "spec: {titel: A}"},
		{"no spec", head("Gateway")},
		{"spec without what it needs", head("Gateway") + "spec: {site: a}"},
		{"a number for a text", head("Site") + "spec: {title: 3}"},
		{"no duration", head("Controller") + "spec: {listen: 'a:1', stateDir: a, settings: {idle: soon}}"},
		{"seven minutes", head("Condition") + "spec: {criteria: 'true', reevaluate: {every: 7m}}"},
		{"no time of day", head("Condition") + "spec: {criteria: 'true', reevaluate: {at: ['24:01']}}"},
		{"unknown interaction", head("Condition") + "spec: {criteria: 'true', interactions: [{kind: sms}]}"},
		{"unknown effect", head("Entitlement") + "spec: {site: a, actions: [{effect: deny, hosts: [a], ports: [1]}]}"},
		{"a star alone", head("Entitlement") + "spec: {site: a, actions: [{hosts: ['*'], ports: [1]}]}"},
		{"a star over one label", head("Entitlement") + "spec: {site: a, actions: [{hosts: ['*.com'], ports: [1]}]}"},
		{"a star in the middle", head("Entitlement") + "spec: {site: a, actions: [{hosts: [a.*.b], ports: [1]}]}"},
		{"a star within a label", head("Entitlement") + "spec: {site: a, actions: [{hosts: ['*x.corp.example'], ports: [1]}]}"},
		{"a star in upper case", head("Entitlement") + "spec: {site: a, actions: [{hosts: ['*.Corp.example'], ports: [1]}]}"},
		{"a port too high", head("Entitlement") + "spec: {site: a, actions: [{hosts: [a], ports: [65536]}]}"},
		{"a claim in two ways", head("DeviceClaim") + "spec: {process: a, file: /a}"},
		{"a claim in no way", head("DeviceClaim") + "spec: {}"},
		{"a private key", head("Transmitter") + "spec: {issuer: 'https://a', keys: [{kty: EC, d: a}]}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := s.Validate(documents(t, c.src)[0]); err == nil {
				t.Error("fits")
			}
		})
	}
}
