package resource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/tidegate/tidegate/internal/wire"
)

// APIVersion is the only one there is.
const APIVersion = "tidegate.org/v1"

// MaxFile is the size in bytes of the largest file that is read.
const MaxFile = 8 << 20

// Document is one resource of a file.
type Document struct {
	Kind string
	Name string // an id, see wire.CheckID

	file  *file
	root  *yaml.Node
	parts header
}

type file struct {
	name  string
	lines []string
}

type header struct {
	APIVersion *yaml.Node `yaml:"apiVersion"`
	Kind       *yaml.Node `yaml:"kind"`
	Metadata   *yaml.Node `yaml:"metadata"`
	Spec       *yaml.Node `yaml:"spec"`
}

// ReadFile reads the documents of a file; see Parse.
func ReadFile(path string) ([]*Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads the documents in data; name is the file's, for errors. It
// returns whichever documents are sound and, as Errors, all that is wrong.
func Parse(name string, data []byte) ([]*Document, error) {
	if len(data) > MaxFile {
		return nil, Errors{{File: name, Msg: fmt.Sprintf("is larger than %d bytes; split it", MaxFile)}}
	}
	f := &file{name: name, lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")}
	var (
		docs []*Document
		errs Errors
	)
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, Errors{f.syntax(err)}
	}
	for {
		var n yaml.Node
		err := loader.Load(&n)
		if err == io.EOF {
			return docs, errs.Err()
		}
		if err != nil {
			errs.Add(f.syntax(err))
			return docs, errs.Err()
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			n = *n.Content[0]
		}
		if n.Kind == 0 || isNull(&n) {
			continue // nothing between two separators
		}
		d, err := f.document(&n)
		errs.Add(err)
		if err == nil {
			docs = append(docs, d)
		}
	}
}

func (f *file) syntax(err error) *Error {
	e := &Error{File: f.name, Msg: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	var le *yaml.LoadError
	if errors.As(err, &le) {
		e.Line, e.Column, e.Msg = le.Mark.Line, le.Mark.Column, "is not YAML: "+le.Message
		if e.Line > 0 && e.Line <= len(f.lines) && strings.Contains(f.lines[e.Line-1], "\t") {
			e.Msg += "; indent with spaces, not tabs"
		}
		if text := f.starred(e.Line, e.Column); text != "" {
			e.Msg = fmt.Sprintf("is not YAML: a value that begins with * is written in quotes: %q", text)
		}
	}
	return e
}

// starred is the value at or around a place that begins with a star, which YAML
// takes for an alias; nothing where there is none.
func (f *file) starred(line, column int) string {
	if line < 1 || line > len(f.lines) {
		return ""
	}
	text := []rune(f.lines[line-1])
	begin := min(column, len(text)) - 1
	for at := begin; at >= 0 && (at == begin || !strings.ContainsRune(" \t,[]{}", text[at])); at-- {
		if text[at] == '*' && (at == 0 || strings.ContainsRune(" \t,[{", text[at-1])) {
			value, _, _ := strings.Cut(string(text[at:]), "#")
			if end := strings.IndexAny(value, " \t,]}"); end >= 0 {
				value = value[:end]
			}
			return value
		}
	}
	return ""
}

func (f *file) document(n *yaml.Node) (*Document, error) {
	d := &Document{file: f, root: n}
	dec := decoder{file: f}
	dec.decode(n, "a resource", &d.parts)
	var meta struct {
		Name string `yaml:"name"`
	}
	require := func(part *yaml.Node, name, example string) bool {
		if part == nil && len(dec.errs) == 0 {
			dec.fail(n, "%s is missing; write %s", name, example)
		}
		return part != nil
	}
	if require(d.parts.APIVersion, "apiVersion", "apiVersion: "+APIVersion) {
		var v string
		if dec.decode(d.parts.APIVersion, "apiVersion", &v) && v != APIVersion {
			dec.fail(d.parts.APIVersion, "unknown apiVersion %q; write %s", v, APIVersion)
		}
	}
	if require(d.parts.Kind, "kind", "for example kind: Site") {
		dec.decode(d.parts.Kind, "kind", &d.Kind)
	}
	if require(d.parts.Metadata, "metadata", "metadata: {name: ...}") && dec.decode(d.parts.Metadata, "metadata", &meta) {
		d.Name = meta.Name
		if err := wire.CheckID(meta.Name); err != nil {
			dec.fail(find(d.parts.Metadata, "name"), "metadata.name: %v", err)
		}
	}
	return d, dec.errs.Err()
}

// Decode fills the struct that v points to from the document's spec, strictly:
// fields by their yaml tag, everything else refused. Fields that the spec does
// not name keep what they hold. The error is Errors.
func (d *Document) Decode(v any) error {
	if d.parts.Spec == nil {
		return nil
	}
	dec := decoder{file: d.file}
	dec.decode(d.parts.Spec, d.Kind, v)
	return dec.errs.Err()
}
