package script

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestAllowed(t *testing.T) {
	rows := []struct {
		prefix, url string
		want        bool
	}{
		{"https://api.lab", "https://api.lab", true},
		{"https://api.lab", "https://api.lab/a?b=c#d", true},
		{"https://api.lab/", "https://api.lab", true},
		{"https://api.lab", "https://API.lab:443/a", true},
		{"https://api.lab:443", "https://api.lab/a", true},
		{"http://[2001:db8::1]:8080", "http://[2001:DB8::1]:8080/a", true},
		{"https://api.lab/v1", "https://api.lab/v1", true},
		{"https://api.lab/v1", "https://api.lab/v1/a", true},
		{"https://api.lab/v1", "https://api.lab/v1?x", true},
		{"https://api.lab/v1/", "https://api.lab/v1/a", true},
		{"https://api.lab/a%20b", "https://api.lab/a%20b/c", true},
		{"https://api.lab/v1", "https://api.lab/v1x", false},
		{"https://api.lab/v1/", "https://api.lab/v1", false},
		{"https://api.lab/v1", "https://api.lab/V1/a", false},
		{"https://api.lab/v1", "https://api.lab/", false},
		{"https://api.lab", "http://api.lab/", false},
		{"https://api.lab", "https://api.lab:8443/", false},
		{"https://api.lab", "https://api.lab.evil/", false},
		{"https://api.lab", "https://api.lab./", false},
		{"https://api.lab", "https://evil/https://api.lab", false},
		{"https://api.lab", "https://api.lab@evil/", false},
		{"https://api.lab", "https://u:p@api.lab/", false},
		{"https://api.lab", `https://api.lab\@evil/`, false},
		{"https://api.lab", "https://api.lab%2eevil/", false},
		{"https://api.lab", "https:api.lab/", false},
		{"https://api.lab", "//api.lab/", false},
		{"https://api.lab", "file:///etc/passwd", false},
		{"https://api.lab", "https://ápi.lab/", false},
		{"https://api.lab", "https://api.lab:/", false},
		{"https://api.lab/v1", "https://api.lab/v1/../admin", false},
		{"https://api.lab/v1", "https://api.lab/v1/..", false},
		{"https://api.lab/v1", "https://api.lab/v1/./a", false},
		{"https://api.lab/v1", "https://api.lab/v1/%2e%2e/admin", false},
		{"https://api.lab/v1", "https://api.lab/v1/.%2E/admin", false},
		{"https://api.lab/v1", "https://api.lab/v1/%252e%252e/admin", false},
		{"https://api.lab/v1", "https://api.lab/v1/..%2fadmin", false},
		{"https://api.lab/v1", `https://api.lab/v1/..\admin`, false},
		{"https://api.lab/v1", "https://api.lab/v1/..%5cadmin", false},
		{"https://api.lab/v1", "https://api.lab/v1/..;x=y/admin", false},
		{"https://api.lab/v1", "https://api.lab/v1/a%00", false},
		{"https://api.lab/v1", "https://api.lab//v1/a", false},
	}
	for _, row := range rows {
		list, err := parsePrefixes([]string{"https://other.lab/", row.prefix})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := allowed(list, row.url); (err == nil) != row.want {
			t.Errorf("%s of %s: %v", row.url, row.prefix, err)
		}
	}
}

func TestCheckPrefix(t *testing.T) {
	for _, good := range []string{"https://a", "http://127.0.0.1:80/x/", "https://[::1]"} {
		if err := CheckPrefix(good); err != nil {
			t.Error(err)
		}
	}
	for bad, says := range map[string]string{
		"":                  "write https://",
		"api.lab":           "not a URL of http or https",
		"*":                 "not a URL of http or https",
		"https://":          "without a host",
		"ftp://a":           "not a URL of http or https",
		"https://a/?x":      "leave ? and # away",
		"https://a/#":       "leave ? and # away",
		"https://u@a":       "use headers",
		"https://a/../b":    "write it plainly",
		"https://a/%2e%2e/": "write it plainly",
		"https://a b":       "not a URL",
	} {
		if err := CheckPrefix(bad); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want %q", bad, err, says)
		}
	}
}

// What is allowed lies, however it is cleaned, at or below the prefix.
func FuzzAllowed(f *testing.F) {
	for _, s := range []string{"https://api.lab/v1/a", "https://api.lab/v1/../x", "https://api.lab:443/v1", "https://u@api.lab/v1", "HTTPS://API.LAB/v1/%2e%2e", "https://api.lab/v1/;/..;a/"} {
		f.Add(s)
	}
	list, err := parsePrefixes([]string{"https://api.lab/v1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := allowed(list, s); err != nil {
			return
		}
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		p := u.EscapedPath()
		for range 3 {
			clean := path.Clean(strings.ReplaceAll(p, `\`, "/"))
			if u.Scheme != "https" || !strings.EqualFold(u.Hostname(), "api.lab") || u.Port() != "" && u.Port() != "443" || clean != "/v1" && !strings.HasPrefix(clean, "/v1/") {
				t.Fatalf("%q is allowed, and leads to %s", s, clean)
			}
			if p, err = url.PathUnescape(p); err != nil {
				return
			}
		}
	})
}

// Compile never panics, and its errors have a place; what compiles runs within
// its limits.
func FuzzCompile(f *testing.F) {
	for _, lines := range bombs {
		f.Add("def main(ctx):\n    " + strings.ReplaceAll(lines, "\n", "\n    "))
	}
	f.Add("def main(ctx):\n    x = [1]\n    x[0] += 1\n    return {k: v for k, v in [(1, 2)]}[1][::2]\n")
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Compile("fuzz", source)
		if err != nil {
			if e := err.(*CompileError); e.Line < 1 || e.Column < 0 || e.Msg == "" || strings.Contains(e.Msg, "internal error") {
				t.Fatalf("%#v", e)
			}
			return
		}
		if _, err := p.Run(t.Context(), maya(), Limits{Steps: 20_000}); err != nil {
			if e := err.(*Error); e.Kind == ErrInternal {
				t.Fatal(e)
			}
		}
	})
}
