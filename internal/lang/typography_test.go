package lang

import (
	"regexp"
	"strings"
	"testing"
)

// rules are what a text of a language must not have, and why.
var rules = map[string][]struct {
	not *regexp.Regexp
	why string
}{
	"de": {
		{regexp.MustCompile(`(?i)\b(du|dich|dir|deine?[nmrs]?)\b`), "users are addressed by Sie"},
		{regexp.MustCompile(`["']|“[^”“]*”`), "quotation marks are „ and “, the apostrophe is ’"},
	},
	"fr": {
		{regexp.MustCompile(`(?i)(^|[ ’])(tu|toi|ton|tes)\b`), "users are addressed by vous"},
		{regexp.MustCompile(`["'“„”]`), "quotation marks are « and », the apostrophe is ’"},
		{regexp.MustCompile(`[^\x{202f}][;!?»]($|[ .,;)])|[^\x{202f}]:($|[ .,;)])|«[^\x{202f}]`), "a narrow no-break space stands before : ; ! ? » and after «"},
	},
	"es": {
		{regexp.MustCompile(`(?i)\b(tus?|ti|tuy[oa]s?|vosotros|vuestr[oa]s?)\b`), "users are addressed by usted"},
		{regexp.MustCompile(`["'“„”]`), "quotation marks are « and », the apostrophe is ’"},
		{regexp.MustCompile(`^[^¿]*\pL\?|^[^¡]*\pL!`), "questions begin with ¿, exclamations with ¡"},
	},
}

// code is what stands in texts as it is typed.
var code = regexp.MustCompile("`[^`]*`|tidegate:(enrol[?]?)?|%q")

func TestTypography(t *testing.T) {
	for _, l := range Languages()[1:] {
		c, err := load(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		for k, e := range c.texts {
			for _, s := range e.all() {
				s = code.ReplaceAllString(s, "x")
				for _, r := range rules[l.Tag] {
					if m := r.not.FindString(s); m != "" && !(l.Tag == "es" && k == "take what follows ? or # out of the address; %s") {
						t.Errorf("%s: %q has %q: %s", l.Tag, s, m, r.why)
					}
				}
				if strings.Contains(s, "...") || strings.Contains(s, "  ") || strings.TrimSpace(s) != s {
					t.Errorf("%s: %q has points for an ellipsis, or spaces too many", l.Tag, s)
				}
			}
		}
	}
}
