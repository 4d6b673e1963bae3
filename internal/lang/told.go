package lang

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// English says a format in English. It is for what is kept, and said later in the
// language of then: whoever shows it calls Told. Logs and diagnoses have it as it is.
func English(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// Told is the translation of a text that was composed in English, by English or by the
// helper: of one that the catalogue has, or of a format of its file told.json with what
// stands where the verbs are. That is itself told where it is several words. What is
// neither stays as it is.
func Told(english string) string { return speaking.Load().recall(english) }

func (c *catalogue) recall(english string) string {
	if e := c.texts[english]; e.text != "" {
		return c.text(english)
	}
	for _, p := range c.composed {
		args, ok := p.match(english)
		if !ok {
			continue
		}
		for i, a := range args {
			if s, ok := a.(string); ok && strings.Contains(s, " ") {
				args[i] = c.recall(s)
			}
		}
		return fmt.Sprintf(strings.ReplaceAll(c.text(p.format), "%w", "%v"), args...)
	}
	return english
}

// composition finds again what a format was filled with.
type composition struct {
	format string
	text   *regexp.Regexp // a group for each verb
	verbs  []byte
}

// filled are the verbs of formats that can be found again: %s, %v and %w stand for a
// string, %d for a number, %q for a quoted string.
var filled = regexp.MustCompile(`%[svwdq]`)

func compose(format string) *composition {
	c := &composition{format: format}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	at := 0
	for _, v := range filled.FindAllStringIndex(format, -1) {
		b.WriteString(regexp.QuoteMeta(format[at:v[0]]))
		verb := format[v[0]+1]
		c.verbs = append(c.verbs, verb)
		switch verb {
		case 'd':
			b.WriteString(`(\d+)`)
		case 'q':
			b.WriteString(`("(?:[^"\\]|\\.)*")`)
		default:
			b.WriteString(`(.+?)`)
		}
		at = v[1]
	}
	b.WriteString(regexp.QuoteMeta(format[at:]) + `$`)
	c.text = regexp.MustCompile(b.String())
	return c
}

func (c *composition) match(s string) (args []any, ok bool) {
	found := c.text.FindStringSubmatch(s)
	if found == nil {
		return nil, false
	}
	for i, s := range found[1:] {
		var arg any = s
		var err error
		switch c.verbs[i] {
		case 'd':
			arg, err = strconv.Atoi(s)
		case 'q':
			arg, err = strconv.Unquote(s)
		}
		if err != nil {
			return nil, false
		}
		args = append(args, arg)
	}
	return args, true
}

// composing has the catalogue find the formats of texts again, those first that say
// the most themselves.
func (c *catalogue) composing(texts map[string]entry) {
	for format := range texts {
		if filled.MatchString(format) {
			c.composed = append(c.composed, compose(format))
		}
	}
	said := func(p *composition) int { return len(filled.ReplaceAllString(p.format, "")) }
	slices.SortFunc(c.composed, func(a, b *composition) int {
		return cmp.Or(said(b)-said(a), cmp.Compare(a.format, b.format))
	})
}
