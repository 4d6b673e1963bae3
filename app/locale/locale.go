// Package locale keeps Fyne quiet under the C locale, which it cannot parse
// and complains about on standard error at its own initialization, before main
// runs: even to whoever only asks `tidegate status`. main imports it and calls
// Restore first. It works because Go initializes ready packages in the order
// of their import paths (spec, Package initialization): this one, which needs
// nothing, comes before golang.org/x/text, which Fyne's lang package waits for.
package locale

import (
	"os"
	"strings"
)

// name is the variable that outranks all others (locale(7)).
const name = "LC_ALL"

var (
	changed   bool
	was, held = os.LookupEnv(name)
)

func init() {
	if !plain(os.Getenv) {
		return
	}
	changed = true
	os.Setenv(name, "en_US.UTF-8")
}

// plain says whether the environment chooses the C locale with a charset.
func plain(getenv func(string) string) bool {
	for _, v := range []string{name, "LC_MESSAGES", "LANG"} {
		if l := getenv(v); l != "" {
			l, _, dotted := strings.Cut(l, ".")
			return dotted && (l == "C" || l == "POSIX")
		}
	}
	return false
}

// Restore puts the environment back to what it was, for the programs that
// Tidegate starts.
func Restore() {
	switch {
	case !changed:
	case held:
		os.Setenv(name, was)
	default:
		os.Unsetenv(name)
	}
	changed = false
}
