package session

import (
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/internal/lang"
)

// names are the fields of what a state holds that nobody translates: what others have
// called so, codes and addresses.
var names = map[reflect.Type][]string{
	reflect.TypeFor[State]():          {"Version"},
	reflect.TypeFor[Enrolment]():      {"Controller", "Name", "User"},
	reflect.TypeFor[ControlChannel](): {"Transport"},
	reflect.TypeFor[User]():           {"Name", "DisplayName"},
	reflect.TypeFor[Site]():           {"Name", "Gateway", "Lane"},
	reflect.TypeFor[Event]():          {"Kind"},
	reflect.TypeFor[Problem]():        {"Code", "Action"},
	reflect.TypeFor[Prompt]():         {"ID", "User", "Proposed", "Organisation", "Fingerprint"},
	reflect.TypeFor[App]():            {"Name", "Description", "Group", "Icon", "Host", "Protocol", "Link", "Open", "OpenWith"},
	reflect.TypeFor[Failing]():        {"Text", "Claim", "Reported"},
	reflect.TypeFor[Local]():          {"PAC"},
	reflect.TypeFor[NameService]():    {"Mode", "Zones", "Adapter"},
	reflect.TypeFor[Upstream]():       {"Adapter", "Domains"},
	reflect.TypeFor[Competitor]():     {"Program", "Adapter", "Domain"},
	reflect.TypeFor[VPNSettings]():    {"ID", "Name", "Address", "User", "Group", "Fingerprint"},
}

// shown are the texts of a value that people read, with where they stand.
func shown(v reflect.Value, at string, each func(at, text string)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			shown(v.Elem(), at, each)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			shown(v.Index(i), at, each)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			shown(v.MapIndex(k), at, each)
		}
	case reflect.Struct:
		t := v.Type()
		for i := range t.NumField() {
			f := t.Field(i)
			if f.IsExported() && !slices.Contains(names[t], f.Name) {
				shown(v.Field(i), t.Name()+"."+f.Name, each)
			}
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() { // the others are codes
			each(at, v.String())
		}
	}
}

// called are the names that the scenes have in their texts, and whatever is an address.
var called = regexp.MustCompile(`\b(Example|The lab|Lab|Wiki|Payroll|Bastion|Office|Maya Lindqvist|openvpn|xdg-open|true|false|QUIC|Bad Gateway|` +
	`busy|outside|stranger|full|enforced|underlay|conflict|other|no-way|bad-request|rp-filter)\b|\S*[./:\d]\S*`)

var word = regexp.MustCompile(`\pL{2,}`)

// Whatever people read of a state is said in their language: nothing of it comes from
// elsewhere than package lang, but names.
func TestAllThatIsShownIsSaid(t *testing.T) {
	unmark := lang.Mark()
	defer unmark()
	seen := map[string]bool{}
	for _, s := range scenes(t) {
		shown(reflect.ValueOf(s), "", func(at, text string) {
			left := called.ReplaceAllString(lang.Unmarked(text), "")
			if seen[at+left] {
				return
			}
			seen[at+left] = true
			if word.MatchString(left) {
				t.Errorf("%s: %q of %q", at, left, text)
			}
		})
	}
}
