package resource

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Place is where something stands in a file.
type Place struct {
	File         string
	Line, Column int

	file *file
	node *yaml.Node
}

// Errorf makes an error of what is wrong at p.
func (p Place) Errorf(format string, args ...any) *Error {
	return &Error{File: p.File, Line: p.Line, Column: p.Column, Msg: fmt.Sprintf(format, args...)}
}

// String is file:line:column.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// At finds a value in the spec: each step is a key (string) or an index (int).
// Where the file does not have it, the place is that of the nearest thing
// around it that the file has.
func (d *Document) At(path ...any) Place {
	n := d.parts.Spec
	if n == nil {
		return d.place(d.root)
	}
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return d.place(n)
}

// AtName is the place of metadata.name, AtKind that of kind.
func (d *Document) AtName() Place { return d.place(find(d.parts.Metadata, "name")) }

// AtKind is the place of the document's kind.
func (d *Document) AtKind() Place { return d.place(d.parts.Kind) }

// Has says whether the spec has a value there.
func (d *Document) Has(path ...any) bool {
	n := d.parts.Spec
	for _, step := range path {
		if n == nil {
			return false
		}
		n = child(n, step)
	}
	return n != nil
}

func (d *Document) place(n *yaml.Node) Place {
	return Place{File: d.file.name, Line: n.Line, Column: n.Column, file: d.file, node: n}
}

func child(n *yaml.Node, step any) *yaml.Node {
	switch step := step.(type) {
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	case int:
		if n.Kind == yaml.SequenceNode && step >= 0 && step < len(n.Content) {
			return n.Content[step]
		}
	}
	return nil
}

// find is child, or n itself where it has no such child.
func find(n *yaml.Node, key string) *yaml.Node {
	if c := child(n, key); c != nil {
		return c
	}
	return n
}

// Inside finds a character of the scalar at p by its line and column in the
// scalar's value, both from 1. In a plain, quoted or literal (|) scalar it is
// exact; in a folded one (>) it is the place of the block.
func (p Place) Inside(line, column int) Place {
	n := p.node
	if n == nil || n.Kind != yaml.ScalarNode || line < 1 || column < 1 {
		return p
	}
	switch {
	case n.Style&yaml.FoldedStyle != 0:
		return p
	case n.Style&yaml.LiteralStyle != 0:
		values := strings.Split(n.Value, "\n")
		if line > len(values) || n.Line+line > len(p.file.lines) {
			return p
		}
		p.Line = n.Line + line
		p.Column = max(1, runes(p.file.lines[p.Line-1])-runes(values[line-1])+column)
		return p
	}
	value := []rune(n.Value)
	at := 0
	for ; at < len(value) && line > 1; at++ {
		if value[at] == '\n' {
			line--
		}
	}
	at = min(at+column-1, len(value))
	w := walk{lines: p.file.lines, line: n.Line, column: n.Column}
	w.start(n.Style)
	for range min(at, len(value)-1) {
		w.step()
	}
	p.Line, p.Column = w.line, w.column
	if at == len(value) && at > 0 { // just behind the last character
		p.Column++
	}
	return p
}

func runes(s string) int { return len([]rune(s)) }
