package lang

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	format     string
	begin, end string // what stands before its first verb, and behind its last
	verbs      []byte
	text       func() *regexp.Regexp // with a group for each verb; made when it is needed
}

// filled are the verbs of formats that can be found again: %s, %v and %w stand for a
// string, %d for a number, %q for a quoted string.
var filled = regexp.MustCompile(`%[svwdq]`)

func compose(format string) *composition {
	all := filled.FindAllStringIndex(format, -1)
	c := &composition{format: format, begin: format[:all[0][0]], end: format[all[len(all)-1][1]:]}
	for _, v := range all {
		c.verbs = append(c.verbs, format[v[0]+1])
	}
	c.text = sync.OnceValue(func() *regexp.Regexp { return pattern(format, all) })
	return c
}

// pattern is what a format makes, whose verbs stand there.
func pattern(format string, verbs [][]int) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	at := 0
	for _, v := range verbs {
		b.WriteString(regexp.QuoteMeta(format[at:v[0]]))
		switch format[v[0]+1] {
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
	return regexp.MustCompile(b.String())
}

func (c *composition) match(s string) (args []any, ok bool) {
	if !strings.HasPrefix(s, c.begin) || !strings.HasSuffix(s, c.end) {
		return nil, false
	}
	found := c.text().FindStringSubmatch(s)
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
