package window

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/lang"
)

// typewritten is what a text for terminals has otherwise than print: a command, and an
// apostrophe behind its letter. What is quoted there, and a file's name, is matched to
// be left alone.
var typewritten = regexp.MustCompile("`[^`\n]+`|'[^'\n]*'|[^\\s`]*/[^\\s`]*|\\pL'")

// typeset is a text as it is printed. Sentences that a terminal and the archive of a
// diagnosis have as well come in the signs of a keyboard.
func typeset(s string) string {
	if !strings.ContainsAny(s, "`'") {
		return s
	}
	return typewritten.ReplaceAllStringFunc(s, func(found string) string {
		if _, n := utf8.DecodeRuneInString(found); found[n:] == "'" {
			return found[:n] + "’"
		}
		if command, ok := strings.CutPrefix(found, "`"); ok {
			return lang.F("“%s”", strings.TrimSuffix(command, "`"))
		}
		return found
	})
}
