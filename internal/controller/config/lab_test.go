package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/lab"
)

// TestLabFitsTheSchema holds the file that the lab writes for its controller
// against the schema, and looks for what is doubtful in it.
func TestLabFitsTheSchema(t *testing.T) {
	dir := t.TempDir()
	l, err := lab.Start(t.Context(), lab.Options{Config: lab.DefaultConfig(), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "controller.yaml")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(config.SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(config.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		var v any
		if err := loader.Load(&v); err != nil {
			if n < 5 {
				t.Fatalf("%d resources: %v", n, err)
			}
			break
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("resource %d: %v", n, err)
		}
	}
	conf, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range conf.Lint(time.Now()) {
		t.Logf("%s", w)
	}
}
