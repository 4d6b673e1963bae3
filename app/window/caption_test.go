package window

import (
	"regexp"
	"testing"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/session"
)

// crowded is a colon as English sets it.
var crowded = regexp.MustCompile(`\pL: `)

// What stands for something to those who do not see it is set as its language sets it:
// in French the colon has a narrow space before it.
func TestCaptionsAreOfTheirLanguage(t *testing.T) {
	english(t)
	b := newBench(t, alwaysDark)
	b.apply(in("fr", ahead()))
	for _, page := range []session.Page{session.PageHome, session.PageToday, session.PageSettings} {
		b.pages.show(page)
		if page == session.PageToday {
			b.canvas().Focus(b.pages.today.list)
		}
		held := map[string]bool{}
		for _, text := range holds(b.state) {
			held[text] = true
		}
		for _, e := range b.elements() {
			if crowded.MatchString(e.Label) && !held[e.Label] {
				t.Errorf("%s: %q", page, e.Label)
			}
		}
	}
	if got := captioned("Langue", "Système"); got != "Langue\u202f: Système" {
		t.Errorf("it is %q", got)
	}
	lang.Set("en")
	if got := captioned("Language", "System"); got != "Language: System" {
		t.Errorf("it is %q", got)
	}
}
