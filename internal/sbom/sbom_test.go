package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestIdentify(t *testing.T) {
	apache, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"Apache", string(apache), "Apache-2.0"},
		{"BSD with three clauses", "Redistribution and use in source and binary forms, …\nNeither the name of the copyright holder nor the names of its\ncontributors may be used to endorse or promote products", "BSD-3-Clause"},
		{"BSD with two", "Redistribution and use in source and binary forms, …\nRedistributions in binary form must reproduce the above", "BSD-2-Clause"},
		{"MIT", "Permission is hereby granted, free of charge, to any\nperson … THE SOFTWARE IS PROVIDED \"AS IS\"", "MIT"},
		{"ours to guess", "You may use this on Sundays.", ""},
		{"nothing", "", ""},
	} {
		if got := identify([]byte(tt.text)); got != tt.want {
			t.Errorf("%s: it is %q, want %q", tt.name, got, tt.want)
		}
	}
}

// This command, built, is a program of the module: what is said of it is what Go
// says, and is the same twice.
func TestProduct(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sbom")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := func() (string, string) {
		t.Helper()
		p := product{name: "thing", version: "1.2.3", made: time.Unix(1e9, 0).UTC()}
		for range 2 { // twice in a product, each module once
			if err := p.add(file); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.find(); err != nil {
			t.Fatal(err)
		}
		b, err := p.bom()
		if err != nil {
			t.Fatal(err)
		}
		return string(b), string(p.texts())
	}
	first, texts := said()
	if second, _ := said(); second != first {
		t.Errorf("it says now\n%s\nand then\n%s", first, second)
	}
	var b bom
	if err := json.NewDecoder(bytes.NewReader([]byte(first))).Decode(&b); err != nil {
		t.Fatal(err)
	}
	if top := b.Metadata.Component; top.Name != "thing" || len(top.Components) != 2 || len(top.Components[0].Hashes[0].Content) != 64 || b.Metadata.Timestamp != "2001-09-09T01:46:40Z" {
		t.Errorf("the product is %+v of %s", top, b.Metadata.Timestamp)
	}
	if len(b.Components) != 1 || b.Components[0].Name != std || b.Components[0].Licences[0].Licence.ID != "BSD-3-Clause" {
		t.Errorf("it is made of %+v", b.Components)
	}
	if !strings.Contains(texts, "The Go Authors") || strings.Count(texts, "std v") != 2 { // LICENSE, PATENTS
		t.Errorf("the licences:\n%s", texts)
	}
}

func TestVersionsOfOneModule(t *testing.T) {
	p := product{}
	if err := p.need(&module{path: "a", version: "v1"}); err != nil {
		t.Fatal(err)
	}
	if err := p.need(&module{path: "a", version: "v2"}); err == nil || !strings.Contains(err.Error(), "a v1 and v2") {
		t.Errorf("programs of two builds: %v", err)
	}
	if err := p.add("main.go"); err == nil || !strings.Contains(err.Error(), "main.go was built from") {
		t.Errorf("no program: %v", err)
	}
}
