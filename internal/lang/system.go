package lang

import (
	"strings"

	"golang.org/x/text/language"
)

// match is the language to speak to who prefers these, the first most of all.
func match(tags []string) string {
	for _, s := range tags {
		t, err := language.Parse(s)
		if err != nil {
			continue
		}
		if base, _ := t.Base(); Known(base.String()) {
			return base.String()
		}
	}
	return "en"
}

// environment is what POSIX's variables prefer, as gettext reads them: LANGUAGE
// is a list, and counts only where the locale is none of the program's own.
func environment(getenv func(string) string) []string {
	var locale string
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = getenv(name); locale != "" {
			break
		}
	}
	if l := plain(locale); l == "" || l == "C" || l == "POSIX" {
		return nil
	}
	var tags []string
	for l := range strings.SplitSeq(getenv("LANGUAGE"), ":") {
		if l = plain(l); l != "" {
			tags = append(tags, l)
		}
	}
	if tags == nil {
		tags = []string{plain(locale)}
	}
	return tags
}

// plain is a locale without its charset and variant: de_AT of de_AT.UTF-8@euro.
func plain(locale string) string {
	if at := strings.IndexAny(locale, ".@"); at >= 0 {
		locale = locale[:at]
	}
	return locale
}
