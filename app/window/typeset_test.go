package window

import (
	"testing"

	"github.com/tidegate/tidegate/internal/lang"
)

func TestTypeset(t *testing.T) {
	english(t)
	for _, c := range []struct{ tag, text, want string }{
		{"en", "Applications' names", "Applications’ names"},
		{"en", "an administrator's password: `tidegate settings` says what to type.", "an administrator’s password: “tidegate settings” says what to type."},
		{"en", "through the proxy (`tidegate proxy`), or in `tidegate run -- PROGRAM`.", "through the proxy (“tidegate proxy”), or in “tidegate run -- PROGRAM”."},
		{"en", "type `ssh -o 'User x's'`", "type “ssh -o 'User x's'”"},
		{"en", "ssh -o 'User x' is Maya's", "ssh -o 'User x' is Maya’s"},
		{"en", "Saved as /home/o'brien/x.tar.gz", "Saved as /home/o'brien/x.tar.gz"},
		{"en", "a ` alone, and '", "a ` alone, and '"},
		{"de", "so, wie es `tidegate dns` angibt", "so, wie es „tidegate dns“ angibt"},
		{"fr", "comme le dit `tidegate dns`", "comme le dit «\u202ftidegate dns\u202f»"},
		{"es", "como dice `tidegate dns`", "como dice «tidegate dns»"},
	} {
		lang.Set(c.tag)
		if got := typeset(c.text); got != c.want {
			t.Errorf("%s: %q\nwant %q\ngot  %q", c.tag, c.text, c.want, got)
		}
	}
}
