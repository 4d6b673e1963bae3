package lang

import (
	"fmt"
	"testing"
)

// What was composed in English is told in the language of now, with what it was
// composed of.
func TestTold(t *testing.T) {
	c, err := load("de")
	if err != nil {
		t.Fatal(err)
	}
	c.texts, c.composed = map[string]entry{}, nil
	texts := map[string]entry{
		"%s is asked (%s), and is old":       {text: "%s wird gefragt (%s)"},
		"%d users, of the group %q":          {text: "Gruppe %[2]q: %[1]d Benutzer"},
		"%s cannot be read: %w":              {text: "%s ist nicht lesbar: %w"},
		"the file leads there":               {text: "die Datei führt dorthin"},
		"there":                              {text: "dort"},
		"%s at %s. It is tried again later.": {text: "%s unter %s. Später noch einmal."},
	}
	for k, e := range texts {
		c.texts[k] = e
	}
	c.composing(texts)
	before := speaking.Load()
	speaking.Store(c)
	defer speaking.Store(before)
	for _, row := range []struct{ said, want string }{
		{English("%s is asked (%s), and is old", "resolved 252", "the file leads there"), "resolved 252 wird gefragt (die Datei führt dorthin)"},
		{English("%s is asked (%s), and is old", "there", "there"), "there wird gefragt (there)"}, // a name
		{English("%d users, of the group %q", 3, "a \"b\""), `Gruppe "a \"b\"": 3 Benutzer`},
		{fmt.Errorf("%s cannot be read: %w", "/x", fmt.Errorf("line\n2")).Error(), "/x ist nicht lesbar: line\n2"},
		{"x users, of the group \"y\"", "x users, of the group \"y\""},
		{"99999999999999999999 users, of the group \"y\"", "99999999999999999999 users, of the group \"y\""},
		{English("%s at %s. It is tried again later.", "the file leads there", "[::1]:443"), "die Datei führt dorthin unter [::1]:443. Später noch einmal."},
		{"there", "dort"},
		{"100 % of %s", "100 % of %s"},
		{"", ""},
	} {
		if got := Told(row.said); got != row.want {
			t.Errorf("%q is told as %q, want %q", row.said, got, row.want)
		}
	}
}

func TestMark(t *testing.T) {
	unmark := Mark()
	defer unmark()
	for _, row := range []struct{ got, want, left string }{
		{T("Sign in again."), "⟦Sign in again.⟧", ""},
		{T("what no catalogue has"), "what no catalogue has", "what no catalogue has"},
		{F("%s is in use", "Wiki"), "⟦⟧Wiki⟦ is in use⟧", "Wiki"},
		{N("%d application is in use", "%d applications are in use", 2, 2), "⟦⟧2⟦ applications are in use⟧", "2"},
		{Told(English("The gateway %s does not answer", "gw-1")), "⟦The gateway ⟧gw-1⟦ does not answer⟧", "gw-1"},
		{F("Or %s", T("Type your password.")), "⟦Or ⟧⟦Type your password.⟧⟦⟧", ""},
	} {
		if row.got != row.want || Unmarked(row.got) != row.left {
			t.Errorf("%q, want %q, and of it %q, want %q", row.got, row.want, Unmarked(row.got), row.left)
		}
	}
	unmark()
	if got := T("Sign in again."); got != "Sign in again." {
		t.Errorf("after it: %q", got)
	}
}
