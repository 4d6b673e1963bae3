package locale

import "testing"

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want bool
	}{
		{"nothing", nil, false},
		{"Debian's container", map[string]string{"LANG": "C.UTF-8"}, true},
		{"plain C, which Fyne takes", map[string]string{"LANG": "C"}, false},
		{"German", map[string]string{"LANG": "de_DE.UTF-8"}, false},
		{"LC_ALL outranks", map[string]string{"LC_ALL": "de_DE.UTF-8", "LANG": "C.UTF-8"}, false},
		{"messages outrank", map[string]string{"LC_MESSAGES": "POSIX.UTF-8", "LANG": "de_DE.UTF-8"}, true},
	} {
		if got := plain(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
