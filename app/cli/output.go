package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
)

// outlet is where an answer goes, and remembers what kept it from getting there: a
// disk that is full must not look like an answer that says nothing.
type outlet struct {
	io.Writer
	err error
}

func (o *outlet) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// say writes a line for people, in their language; with --json nothing.
func (c *call) say(format string, args ...any) {
	if !c.json {
		fmt.Fprintln(c.Out, plaintext.Line(lang.F(format, args...)))
	}
}

// write writes v for programs, on one line or indented.
func (c *call) write(v any, indent string) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := c.Out.Write(plaintext.JSON([]byte(b.String())))
	return err
}

// done answers a command that has nothing else to say.
func (c *call) done(format string, args ...any) error {
	if c.json {
		return c.write(map[string]bool{"ok": true}, "")
	}
	c.say(format, args...)
	return nil
}

// table writes rows of plain cells below a head, which is in English and may be nil; columns
// that are empty everywhere go.
func (c *call) table(head []string, rows [][]string) {
	for col := len(rows[0]) - 1; col >= 0; col-- {
		if slices.ContainsFunc(rows, func(r []string) bool { return r[col] != "" }) {
			continue
		}
		if head != nil {
			head = slices.Delete(head, col, col+1)
		}
		for i, r := range rows {
			rows[i] = slices.Delete(r, col, col+1)
		}
	}
	if head != nil {
		for i, h := range head {
			head[i] = lang.T(h)
		}
		rows = append([][]string{head}, rows...)
	}
	widest := make([]int, len(rows[0]))
	for _, r := range rows {
		for i := range r {
			r[i] = plaintext.Line(r[i])
			widest[i] = max(widest[i], cellsOf(r[i]))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, text := range r {
			b.WriteString(text + strings.Repeat(" ", widest[i]-cellsOf(text)+2))
		}
		fmt.Fprintln(c.Out, strings.TrimRight(b.String(), " "))
	}
}

// cellsOf is how many cells of a terminal a text takes: signs of the far East and
// pictures take two, accents of their own none.
func cellsOf(text string) (n int) {
	for _, r := range text {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case kind == width.EastAsianWide, kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
