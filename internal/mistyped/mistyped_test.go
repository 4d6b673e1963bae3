package mistyped

import (
	"strings"
	"testing"
)

func TestHint(t *testing.T) {
	long := strings.Repeat("x", 3*longest)
	for _, tt := range []struct{ name, want string }{
		{"wikki", `, did you mean "Wiki"?`},
		{"WIKI", `, did you mean "Wiki"?`},
		{"leger", `, did you mean "ledger"?`},
		{"payroll", ""},
		{"", ""},
		{long, ""},
	} {
		if got := Hint(tt.name, []string{"ledger", "Wiki", "vault", long}); got != tt.want {
			t.Errorf("%.20q: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := Hint("wiki", nil); got != "" {
		t.Errorf("of none: %q", got)
	}
}
