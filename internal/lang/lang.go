package lang

import (
	"cmp"
	"fmt"
	"sync/atomic"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Language is one that there is a catalogue for, or English.
type Language struct {
	Tag  string // "en"
	Name string // in itself: "English"
}

// Languages are all that Set understands, in the order in which they are offered.
func Languages() []Language {
	return []Language{{"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}, {"es", "Español"}}
}

// Known tells whether Set understands tag; "" is the system's language.
func Known(tag string) bool {
	if tag == "" {
		return true
	}
	for _, l := range Languages() {
		if l.Tag == tag {
			return true
		}
	}
	return false
}

var (
	speaking atomic.Pointer[catalogue] // never nil
	system   atomic.Pointer[string]    // nil until FollowSystem: English
)

func init() { speaking.Store(english) }

// Set has the process speak the language of tag from now on; "" is the system's,
// which is English until FollowSystem was called. A tag that is not known is English.
func Set(tag string) {
	if tag = Of(tag); tag == speaking.Load().tag {
		return
	}
	c, err := load(tag)
	if err != nil {
		c = english // a test holds that every catalogue can be read
	}
	speaking.Store(c)
}

// Of is the tag of the language that Set speaks for tag.
func Of(tag string) string {
	if tag == "" {
		if s := system.Load(); s != nil {
			tag = *s
		}
	}
	if tag == "" || !Known(tag) {
		return "en"
	}
	return tag
}

// FollowSystem has "" mean the language of the user's desktop from now on, and
// speaks it. Programs call it first of all; tests do not, and are in English
// wherever they run.
func FollowSystem() {
	tag := match(preferred())
	system.Store(&tag)
	Set("")
}

// Tag is the language that the process speaks: "en".
func Tag() string { return speaking.Load().tag }

// T is the translation of a text.
func T(english string) string { return speaking.Load().text(english) }

// F formats args with the translation of a format, which may name them in another
// order: %[2]s.
func F(english string, args ...any) string { return fmt.Sprintf(T(english), args...) }

// N formats args with the form of a sentence that is right for n things: "1
// application", "2 applications". n itself is written where args have it.
func N(one, other string, n int, args ...any) string {
	return fmt.Sprintf(speaking.Load().plural(one, other, n), args...)
}

// catalogue is all texts of a language. It does not change.
type catalogue struct {
	tag      string
	language language.Tag
	texts    map[string]entry // by the English text, or its form for many
	composed []*composition   // the formats that Told knows
	times    times
}

var english = &catalogue{tag: "en", language: language.English, times: times{Decimal: "."}}

// entry is a text, or the plural forms of one by their names in CLDR.
type entry struct {
	text  string
	forms map[string]string
}

func (c *catalogue) text(english string) string {
	if e := c.texts[english]; e.text != "" {
		return e.text
	}
	return english
}

// plural is the form for n. Where the catalogue has none, one and other may
// themselves be translations: between them the language's rule decides.
func (c *catalogue) plural(one, other string, n int) string {
	form := forms[plural.Cardinal.MatchPlural(c.language, max(n, -n), 0, 0, 0, 0)]
	e := c.texts[other]
	if s := cmp.Or(e.forms[form], e.forms["other"]); s != "" {
		return s
	}
	if form == "one" {
		return c.text(one)
	}
	return c.text(other)
}

var forms = map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}
