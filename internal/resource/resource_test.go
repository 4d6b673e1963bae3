package resource

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/internal/wire"
)

type sample struct {
	Title  string          `yaml:"title"`
	Ports  []uint16        `yaml:"ports"`
	Idle   wire.Duration   `yaml:"idle"`
	Count  int             `yaml:"count"`
	On     *bool           `yaml:"on"`
	Labels map[string]bool `yaml:"labels"`
	Inner  []struct {
		ID string `yaml:"id"`
	} `yaml:"inner"`
}

const head = "apiVersion: tidegate.org/v1\nkind: Sample\nmetadata: {name: s}\n"

func TestParse(t *testing.T) {
	docs, err := Parse("a.yaml", []byte("# a comment\n---\n"+head+`spec:
  title: "0123"
  ports: [22, 443]
  idle: 90s
  count: -3
  on: true
  labels: {a: true}
  inner:
    - id: x
---
`+strings.Replace(head, "name: s", "name: t", 1)))
	if err != nil || len(docs) != 2 || docs[0].Name != "s" || docs[1].Name != "t" || docs[0].Kind != "Sample" {
		t.Fatalf("Parse: %v %v", docs, err)
	}
	var got sample
	if err := docs[0].Decode(&got); err != nil {
		t.Fatal(err)
	}
	on := true
	want := sample{Title: "0123", Ports: []uint16{22, 443}, Idle: wire.Duration(90e9), Count: -3, On: &on, Labels: map[string]bool{"a": true}}
	want.Inner = append(want.Inner, struct {
		ID string `yaml:"id"`
	}{"x"})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := docs[1].Decode(&got); err != nil {
		t.Errorf("a document without a spec: %v", err)
	}
	if got := docs[0].At("ports", 1).String(); got != "a.yaml:8:15" {
		t.Errorf("ports[1] is at %s", got)
	}
	if got := docs[0].At("inner", 0, "nothing").String(); got != "a.yaml:14:7" {
		t.Errorf("the nearest thing around is at %s", got)
	}
	if !docs[0].Has("inner", 0, "id") || docs[0].Has("inner", 1) {
		t.Error("Has is wrong")
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", head + "spec:\n  tilte: x\n", `f.yaml:5:3: unknown key "tilte" in Sample, did you mean "title"?; the keys are title, ports, idle, count, on, labels, inner`},
		{"nothing near", head + "spec: {zzzzzzzz: 1}\n", `f.yaml:4:8: unknown key "zzzzzzzz" in Sample; the keys are title, ports, idle, count, on, labels, inner`},
		{"number as text", head + "spec: {title: 12}\n", `f.yaml:4:15: title must be text; write it in quotes: "12"`},
		{"boolean", head + "spec: {on: yes}\n", `f.yaml:4:12: on must be true or false, not "yes"`},
		{"port", head + "spec:\n  ports: [22, 70000]\n", `f.yaml:5:15: ports[1] must be a whole number from 0 to 65535, not "70000"`},
		{"not a list", head + "spec: {ports: 22}\n", `f.yaml:4:15: ports must be a list ([a, b] or lines with -), not "22"`},
		{"not a mapping", head + "spec: [1]\n", `f.yaml:4:7: Sample must be a mapping (key: value), not a list`},
		{"duration", head + "spec: {idle: 5 min}\n", `f.yaml:4:14: idle: "5 min" is not a duration; write for example 30s, 5m or 24h`},
		{"twice", head + "spec:\n  count: 1\n  count: 2\n", `f.yaml:6:3: "count" is in Sample twice (line 5); remove one`},
		{"empty value", head + "spec:\n  title:\n", `f.yaml:5:9: title has no value; write one, or remove the key`},
		{"alias", head + "spec:\n  title: &a x\n", `f.yaml:5:10: title uses an anchor or alias, which are not supported; write the value out`},
		{"tag", head + "spec:\n  title: !!str 12\n", `f.yaml:5:10: title has the tag !!str, which is not supported; remove it`},
		{"no kind", "apiVersion: tidegate.org/v1\nmetadata: {name: x}\n", `f.yaml:1:1: kind is missing; write for example kind: Site`},
		{"api version", strings.Replace(head, "v1", "v2", 1), `f.yaml:1:13: unknown apiVersion "tidegate.org/v2"; write tidegate.org/v1`},
		{"bad name", strings.Replace(head, "name: s", "name: S", 1), `f.yaml:3:18: metadata.name: the id "S" has 'S' in it; use a-z, 0-9, '-', '_' and '.', beginning with a letter or digit`},
		{"no name", strings.Replace(head, "name: s", "", 1), `f.yaml:3:11: metadata.name: an id is missing`},
		{"header key", head + "spce: {}\n", `f.yaml:4:1: unknown key "spce" in a resource, did you mean "spec"?; the keys are apiVersion, kind, metadata, spec`},
		{"not yaml", head + "spec: [1\n", `f.yaml:5:1: is not YAML: did not find expected ',' or ']'`},
		{"star", head + "spec: {a: [b, *.corp.example]}\n", `f.yaml:4:15: is not YAML: a value that begins with * is written in quotes: "*.corp.example"`},
		{"star alone", head + "spec:\n  a: [*]\n", `f.yaml:5:8: is not YAML: a value that begins with * is written in quotes: "*"`},
		{"star of a list", head + "spec:\n  a:\n  - *x.corp.example # all\n", `f.yaml:6:5: is not YAML: a value that begins with * is written in quotes: "*x.corp.example"`},
		{"tab", head + "spec:\n\ttitle: x\n", `f.yaml:5:1: is not YAML: found character that cannot start any token; indent with spaces, not tabs`},
		{"two at once", head + "spec:\n  count: x\n  nope: 1\n", "f.yaml:5:10: count must be a whole number, not \"x\"\n" +
			`f.yaml:6:3: unknown key "nope" in Sample; the keys are title, ports, idle, count, on, labels, inner`},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, err := Parse("f.yaml", []byte(c.yaml))
			if err == nil {
				err = docs[0].Decode(&sample{})
			}
			if err == nil {
				t.Fatal("no error")
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Error(d)
			}
			var one *Error
			if !errors.As(err, &one) || one.File != "f.yaml" {
				t.Errorf("errors.As finds %v", one)
			}
		})
	}
}

func TestReadFile(t *testing.T) {
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	name := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(name, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	if docs, err := ReadFile(name); err != nil || len(docs) != 1 {
		t.Errorf("ReadFile: %v %v", docs, err)
	}
}

// TestInside follows every character of scalars in every style to its place.
func TestInside(t *testing.T) {
	for _, c := range []struct{ name, spec string }{
		{"plain", "spec:\n  title: now < mfa && ü < x # comment\n"},
		{"plain over lines", "spec:\n  title: first\n    second  \n\n\n    third\n"},
		{"single", "spec:\n  title: 'it is ''quoted'' here'\n"},
		{"single over lines", "spec: {title: 'one\n    two\n\n    three'}\n"},
		{"double", `spec: {title: "a\tb \"c\" \x41\u00e9\U0001F600 end"}` + "\n"},
		{"double over lines", "spec:\n  title: \"one\n    two \\\n    three\n\n    four\"\n"},
		{"literal", "spec:\n  title: |\n    one\n      two\n\n    three\n"},
		{"literal stripped", "spec:\n  title: |-\n      one\n      two\n"},
		{"literal indented", "spec:\n  title: |2\n      one\n    two\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, err := Parse("f", []byte(head+c.spec))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(head+c.spec, "\n")
			place := docs[0].At("title")
			line, column := 1, 1
			for i, r := range []rune(place.node.Value) {
				p := place.Inside(line, column)
				if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzü<&", r) {
					src := []rune(lines[p.Line-1])
					if p.Column > len(src) || src[p.Column-1] != r {
						t.Errorf("character %d (%q) is said to be at %d:%d, %q", i, r, p.Line, p.Column, string(src))
					}
				}
				column++
				if r == '\n' {
					line, column = line+1, 1
				}
			}
		})
	}
	docs, err := Parse("f", []byte(head+"spec:\n  title: abc\n  count: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := docs[0].At("title").Inside(1, 99).String(); got != "f:5:13" {
		t.Errorf("behind the end is %s", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(head + "spec:\n  title: |\n    one\n  ports: [1, 2]\n")
	f.Add(head + "spec: {title: \"a\n  b\", inner: [{id: x}]}\n---\n" + head)
	f.Add("a: &a [*a]\n")
	f.Add(head + "spec:\r\n  title: 'x\r\n\r\n  y'\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		docs, err := Parse("f", []byte(s))
		lines := strings.Count(s, "\n") + strings.Count(s, "\r") + strings.Count(s, "\u0085") + strings.Count(s, "\u2028") + strings.Count(s, "\u2029") + 2
		check := func(err error) {
			var errs Errors
			if err == nil {
				return
			}
			if !errors.As(err, &errs) {
				t.Fatalf("an error without a place: %v", err)
			}
			for _, e := range errs {
				if e.Line < 0 || e.Line > lines || e.Msg == "" {
					t.Fatalf("an error at line %d of %d: %v", e.Line, lines, e)
				}
			}
		}
		check(err)
		for _, d := range docs {
			check(d.Decode(&sample{}))
			for l := range 4 {
				for c := range 8 {
					if p := d.At("title").Inside(l, c); p.Line < 1 || p.Column < 1 {
						t.Fatalf("the place of %d:%d is %v", l, c, p)
					}
				}
			}
		}
	})
}
