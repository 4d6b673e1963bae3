package window

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/lang"
)

// wordless are texts that are the same in every language.
var wordless = regexp.MustCompile(`\b(Tidegate|ZTA|English|Deutsch|Français|Español|VPN|SSH|TCP|Cisco AnyConnect|ocserv|Fortinet FortiGate|Ivanti Connect Secure|Pulse|` +
	`Maya|ML|Harbour Logistics|zebra)\b|pin-sha256: .*|level=INFO .*|\S*[./:@\d]\S*`)

// unpressed are scenes of too many things, and those in which something is pressed whose
// name has marks within.
var unpressed = []string{"many", "detail-flows-all", "vpn-details", "vpn-form-unfolded"}

var aWord = regexp.MustCompile(`\pL{2,}`)

// Whatever stands in the window is said in the language of who reads it, but for what
// the state holds: that is said by others, and tested there.
func TestAllThatStandsThereIsSaid(t *testing.T) {
	english(t)
	t.Cleanup(lang.Mark())
	say := func() {
		for _, p := range phrases {
			*p.at = lang.T(p.english)
		}
	}
	say()
	t.Cleanup(func() {
		for _, p := range phrases {
			*p.at = p.english
		}
	})
	seen := map[string]bool{}
	for i, c := range scenes() {
		if i%oneIn != 0 || strings.HasPrefix(c.name, "small-") || slices.Contains(unpressed, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, alwaysDark)
			b.apply(c.state)
			if c.do != nil {
				c.do(b)
			}
			held := holds([]any{c.state, diagnosed(), "The controller", "the disk is full"}) // the last are progress, and a failure
			for _, e := range b.elements() {
				left := lang.Unmarked(e.Label)
				for _, text := range held {
					left = strings.ReplaceAll(left, text, "")
				}
				if left = wordless.ReplaceAllString(left, ""); aWord.MatchString(left) && !seen[left] {
					seen[left] = true
					t.Errorf("%q of %q", left, e.Label)
				}
			}
		})
	}
}

// holds are the texts of states and reports, the longest first.
func holds(of any) (texts []string) {
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		case reflect.String:
			if s := strings.Join(strings.Fields(v.String()), " "); len(s) > 2 {
				set := lang.Unmarked(typeset(s))
				texts = append(texts, s, strings.TrimSuffix(s, "."), set, strings.TrimSuffix(set, "."))
			}
		}
	}
	walk(reflect.ValueOf(of))
	slices.SortFunc(texts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return slices.Compact(texts)
}
