package lang

import (
	"regexp"
	"strings"
)

// The marks of Mark.
const (
	begin = '⟦'
	end   = '⟧'
)

// Mark has the process speak English with every translated text between marks, and
// what is put into one outside of them, until unmark is called. It is for tests: what
// Unmarked leaves of a text that people read is a name or a number, or stays English in
// every language.
func Mark() (unmark func()) {
	c, err := load("de") // for what is translated
	if err != nil {
		panic(err) // it is built in
	}
	texts := make(map[string]entry, len(c.texts))
	for english, e := range c.texts {
		marked := entry{text: mark(english)}
		if e.forms != nil {
			marked = entry{forms: map[string]string{"one": mark(english), "other": mark(english)}}
		}
		texts[english] = marked
	}
	before := speaking.Load()
	names := func(all []string) (out []string) {
		for _, s := range all {
			out = append(out, mark(s))
		}
		return out
	}
	t := times{Days: names(c.times.Days), ShortDays: names(c.times.ShortDays), Months: names(c.times.Months), ShortMonths: names(c.times.ShortMonths), Layouts: c.times.Layouts, Decimal: "."}
	speaking.Store(&catalogue{tag: "en", language: english.language, texts: texts, composed: c.composed, times: t})
	return func() { speaking.Store(before) }
}

// verbs are those of a format.
var verbs = regexp.MustCompile(`%(\[\d+\])?[-+#0]*\d*(\.\d+)?[a-zA-Z]`)

// mark puts the marks around a text, and not around its verbs.
func mark(text string) string {
	return string(begin) + verbs.ReplaceAllString(text, string(end)+"$0"+string(begin)) + string(end)
}

// Unmarked is what of a text stands outside of marks, word by word.
func Unmarked(text string) string {
	var b strings.Builder
	depth := 0
	for _, r := range text {
		switch {
		case r == begin:
			depth++
		case r == end:
			depth--
			b.WriteRune(' ')
		case depth == 0:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
