package cli

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/tidegate/tidegate/internal/lang"
)

// yes is what agrees to what is asked, in the user's language.
func yes() string { return lang.T("yes") }

// agreed says whether an answer is that, or the English word, which scripts pipe in.
func agreed(answer string) bool {
	given := bare(strings.TrimSpace(answer))
	return given == "yes" || given == bare(yes())
}

// bare is a word in small letters without accents: not every keyboard has them.
func bare(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(word))
}
