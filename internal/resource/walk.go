package resource

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// walk follows a flow scalar (plain or quoted) through the source, one
// character of its value at a time (YAML 1.2, section 7.3).
type walk struct {
	lines        []string
	line, column int // from 1
	quote        rune
	breaks       int // line breaks of a fold that still stand for a character
}

func (w *walk) start(style yaml.Style) {
	switch {
	case style&yaml.DoubleQuotedStyle != 0:
		w.quote = '"'
	case style&yaml.SingleQuotedStyle != 0:
		w.quote = '\''
	}
	if w.quote != 0 {
		w.column++
		w.fold()
	}
}

func (w *walk) rest() []rune {
	if w.line > len(w.lines) {
		return nil
	}
	r := []rune(w.lines[w.line-1])
	return r[min(w.column-1, len(r)):]
}

// step moves over the source of one character of the value.
func (w *walk) step() {
	if w.breaks > 0 {
		if w.breaks--; w.breaks == 0 {
			w.indent()
		}
		return
	}
	r := w.rest()
	n := 1
	switch {
	case len(r) == 0:
		n = 0
	case w.quote == '\'' && len(r) > 1 && r[0] == '\'' && r[1] == '\'':
		n = 2
	case w.quote == '"' && len(r) > 1 && r[0] == '\\':
		n = 2 + map[rune]int{'x': 2, 'u': 4, 'U': 8}[r[1]]
	}
	w.column += min(n, len(r))
	w.fold()
}

// fold notices the end of a line: the white space around it and the break
// stand together for one space, or for as many breaks as there are empty lines.
func (w *walk) fold() {
	r := string(w.rest())
	escaped := w.quote == '"' && r == `\`
	if !escaped && strings.TrimLeft(r, " \t") != "" {
		return
	}
	next := w.line + 1
	for next <= len(w.lines) && strings.TrimLeft(w.lines[next-1], " \t") == "" {
		next++
	}
	if next > len(w.lines) {
		return
	}
	empty := next - w.line - 1
	w.line, w.column = next, 1
	switch {
	case escaped && empty == 0:
		w.indent()
	case escaped:
		w.breaks = empty
	default:
		w.breaks = max(empty, 1)
	}
}

func (w *walk) indent() {
	for r := w.rest(); len(r) > 0 && (r[0] == ' ' || r[0] == '\t'); r = r[1:] {
		w.column++
	}
}
