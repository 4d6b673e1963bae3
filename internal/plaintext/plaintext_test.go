package plaintext

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "Payroll", "Payroll"},
		{"other scripts stay", "Zürich 給与", "Zürich 給与"},
		{"colour escape", "\x1b[31mred\x1b[0m", "[31mred[0m"},
		{"title escape", "a\x1b]0;owned\x07b", "a]0;ownedb"},
		{"C1 introducer", "a\u009b31mb", "a31mb"},
		{"lines and tabs", "  one\r\n\ttwo\v three ", "one two three"},
		{"right-to-left override", "exe\u202egnp.", "exegnp."},
		{"zero width", "pay\u200broll\ufeff", "payroll"},
		{"invalid bytes", "a\xff\xfeb", "ab"},
		{"private use", "a\ue000b", "ab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Line(tt.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShort(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"fits", "eight ch", "eight ch"},
		{"too long", "nine char", "nine ch…"},
		{"no space before the ellipsis", "seven c h", "seven c…"},
		{"runes, not bytes", "äöüßäöüßäöüß", "äöüßäöü…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Short(tt.in, 8)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add("\x1b[2J\u202e\u009b")
	f.Fuzz(func(t *testing.T, s string) {
		line := Line(s)
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(line) {
			t.Errorf("Line(%q) = %q", s, line)
		}
		if Line(line) != line {
			t.Errorf("Line(%q) is not stable", line)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add("\x7f\u009b\u202e\U000e0001 plain")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		safe := JSON(b)
		if json.Unmarshal(b, &before) != nil || json.Unmarshal(safe, &after) != nil || before != after {
			t.Errorf("%q became %q", before, after)
		}
		if strings.ContainsFunc(string(safe), obeyed) {
			t.Errorf("%q is obeyed", safe)
		}
	})
}
