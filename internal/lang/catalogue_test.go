package lang

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCatalogues(t *testing.T) {
	all := map[string]*catalogue{}
	keys := map[string]bool{}
	for _, l := range Languages()[1:] {
		c, err := load(l.Tag)
		if err != nil {
			t.Fatal(err)
		}
		all[l.Tag] = c
		for k := range c.texts {
			keys[k] = true
		}
		if len(c.times.Days) != 7 || len(c.times.ShortDays) != 7 || len(c.times.Months) != 12 || len(c.times.ShortMonths) != 12 || c.times.Decimal == "" {
			t.Errorf("%s: days, months or the decimal mark are missing", l.Tag)
		}
		for from, to := range c.times.Layouts {
			if at := time.Date(2031, 11, 28, 17, 48, 39, 0, time.UTC); digits(at.Format(from)) != digits(at.Format(to)) {
				t.Errorf("%s: the layouts %q and %q write different instants", l.Tag, from, to)
			}
		}
	}
	for tag, c := range all {
		for k := range keys {
			e, ok := c.texts[k]
			if !ok {
				t.Errorf("%s: %q is missing", tag, k)
				continue
			}
			if e.forms != nil && (e.forms["one"] == "" || e.forms["other"] == "") {
				t.Errorf("%s: %q needs the forms one and other", tag, k)
			}
			if e.forms == nil && e.text == "" {
				t.Errorf("%s: %q is empty", tag, k)
			}
			for _, s := range e.all() { // all of them: of what is left out fmt tells, after the text
				if got, want := verbsOf(s), verbsOf(k); !slices.Equal(got, want) {
					t.Errorf("%s: %q has the verbs %v, want %v of %q", tag, s, got, want, k)
				}
			}
		}
	}
}

// What two parts of the program say is the same in both.
func TestPartsAgree(t *testing.T) {
	for _, l := range Languages()[1:] {
		files, err := catalogs.ReadDir(path.Join("catalog", l.Tag))
		if err != nil {
			t.Fatal(err)
		}
		first := map[string]entry{}
		for _, f := range files {
			if f.Name() == "times.json" {
				continue
			}
			data, err := catalogs.ReadFile(path.Join("catalog", l.Tag, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			c := &catalogue{texts: map[string]entry{}}
			if err := c.add(data); err != nil {
				t.Fatalf("%s of %s: %v", f.Name(), l.Tag, err)
			}
			for k, e := range c.texts {
				if was, there := first[k]; there && !maps.Equal(was.all(), e.all()) {
					t.Errorf("%s: %q is %v here and %v in %s", l.Tag, k, was.all(), e.all(), f.Name())
				}
				first[k] = e
			}
		}
	}
}

func (e entry) all() map[string]string {
	if e.forms != nil {
		return e.forms
	}
	return map[string]string{"": e.text}
}

var verb = regexp.MustCompile(`%(\[\d+\])?([-+# 0]*[0-9]*(\.[0-9]+)?)([a-zA-Z%])`)

// verbsOf are those of a format in the order of their arguments, without the numbers.
func verbsOf(format string) []string {
	var plain []string
	numbered := map[string]string{}
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		switch {
		case m[4] == "%":
		case m[1] != "":
			numbered[m[1]] = m[2] + m[4]
		default:
			plain = append(plain, m[2]+m[4])
		}
	}
	for i := 1; len(numbered) > 0 && i < 10; i++ {
		if v, ok := numbered["["+string(rune('0'+i))+"]"]; ok {
			plain = append(plain, v)
		}
	}
	return plain
}

// digits are the numbers that a text has, in no order.
func digits(s string) string {
	all := regexp.MustCompile(`\d+`).FindAllString(s, -1)
	slices.Sort(all)
	return strings.Join(all, " ")
}
