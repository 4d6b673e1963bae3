package lang

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// speak has a test speak a catalogue, and English after it.
func speak(t *testing.T, tag string, files ...string) {
	t.Helper()
	c, err := load(tag)
	if err != nil {
		t.Fatal(err)
	}
	c.texts = map[string]entry{}
	for _, f := range files {
		if err := c.add([]byte(f)); err != nil {
			t.Fatal(err)
		}
	}
	before := speaking.Load()
	speaking.Store(c)
	t.Cleanup(func() { speaking.Store(before) })
}

func TestEnglishIsTheKey(t *testing.T) {
	speak(t, "de", `{"Sign in": "Anmelden", "%s at %s": "Bei %[2]s: %[1]s"}`)
	got := []string{T("Sign in"), T("Sign out"), F("%s at %s", "Eva", "Acme"), F("%d ports", 8443)}
	want := []string{"Anmelden", "Sign out", "Bei Acme: Eva", "8443 ports"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPluralForms(t *testing.T) {
	const one, other = "%d application", "%d applications"
	files := map[string]string{
		"de": `{"%d applications": {"one": "%d Anwendung", "other": "%d Anwendungen"}}`,
		"fr": `{"%d applications": {"one": "%d appli", "other": "%d applis"}}`,
		"es": `{"%d applications": {"one": "%d aplicación", "other": "%d aplicaciones"}}`,
	}
	for _, c := range []struct {
		tag  string
		n    int
		want string
	}{
		{"de", 0, "0 Anwendungen"}, {"de", 1, "1 Anwendung"}, {"de", 2000, "2000 Anwendungen"},
		{"fr", 0, "0 appli"}, {"fr", 1, "1 appli"}, {"fr", 2, "2 applis"},
		{"es", 0, "0 aplicaciones"}, {"es", 1, "1 aplicación"}, {"es", 2, "2 aplicaciones"},
	} {
		speak(t, c.tag, files[c.tag])
		if got := N(one, other, c.n, c.n); got != c.want {
			t.Errorf("%s %d: %q, want %q", c.tag, c.n, got, c.want)
		}
	}
	speak(t, "fr")
	if got := N("%d appli", "%d applis", 0, 0); got != "0 appli" {
		t.Errorf("two forms that are translated already: %q", got)
	}
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 3, 4, 9, 5, 0, 0, time.UTC)
	for _, c := range []struct{ tag, layout, want string }{
		{"en", "Monday, 2 January", "Wednesday, 4 March"},
		{"de", "Monday, 2 January", "Mittwoch, 4. März"},
		{"fr", "Monday, 2 January", "mercredi 4 mars"},
		{"es", "Monday, 2 January", "miércoles, 4 de marzo"},
		{"de", "Mon 15:04", "Mi 09:05"},
		{"fr", "Mon 15:04", "mer. 09:05"},
		{"es", "2 Jan 2006 15:04", "4 mar 2026 09:05"},
		{"de", "15:04:05", "09:05:00"},
	} {
		if c.tag == "en" {
			Set("en")
		} else {
			speak(t, c.tag)
		}
		if got := Time(at, c.layout); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.tag, c.layout, got, c.want)
		}
	}
	if got := Decimal(1.26, 1); got != "1,3" {
		t.Errorf("in German, 1.26 is %q", got)
	}
}

func TestSet(t *testing.T) {
	defer system.Store(system.Load())
	defer Set("en")
	de := "de"
	for _, c := range []struct {
		tag    string
		system *string
		want   string
	}{{"fr", nil, "fr"}, {"", nil, "en"}, {"", &de, "de"}, {"en", &de, "en"}, {"tlh", &de, "en"}, {"../de", nil, "en"}} {
		system.Store(c.system)
		if Set(c.tag); Tag() != c.want {
			t.Errorf("Set(%q): %q, want %q", c.tag, Tag(), c.want)
		}
	}
	if Known("tlh") || !Known("") || !Known("es") {
		t.Error("Known does not know what Set does")
	}
}

func TestSystem(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"none", nil, "en"},
		{"of the program's own", map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "de"}, "en"},
		{"of a country", map[string]string{"LANG": "de_AT.UTF-8"}, "de"},
		{"messages only", map[string]string{"LANG": "en_GB.UTF-8", "LC_MESSAGES": "fr_CA.UTF-8"}, "fr"},
		{"all", map[string]string{"LANG": "fr_FR", "LC_ALL": "es_MX.UTF-8"}, "es"},
		{"a list", map[string]string{"LANG": "de_DE.UTF-8", "LANGUAGE": "ga:es_ES:de"}, "es"},
		{"another one", map[string]string{"LANG": "ja_JP.UTF-8"}, "en"},
		{"nonsense", map[string]string{"LANG": "%%"}, "en"},
	} {
		if got := match(environment(func(k string) string { return c.env[k] })); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
