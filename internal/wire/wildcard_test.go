package wire

import (
	"slices"
	"strings"
	"testing"
)

func TestWildcard(t *testing.T) {
	for _, row := range []struct{ host, domain, wrong string }{
		{"*.corp.example", "corp.example", ""},
		{"*.a.b.corp.example", "a.b.corp.example", ""},
		{"*.corp.co.uk", "corp.co.uk", ""},
		{"*.corp.local", "corp.local", ""},
		{"*.xn--bcher-kva.example", "xn--bcher-kva.example", ""},
		{"*.under_score.example", "under_score.example", ""},

		{"", "", "every name"},
		{"*", "", "every name"},
		{"*.", "", "every name"},
		{"**", "", "every name"},
		{"*.*", "", "every name"},
		{".", "", "every name"},
		{"corp.example", "", "write *.corp.example"},
		{"*.com", "", "too wide; write a domain of your own, such as *.corp.com"},
		{"*.com.", "", "too wide"},
		{"*.internal", "", "too wide"},
		{"*.co.uk", "", "co.uk is a public suffix, below which anybody may have names; write a domain of your own, such as *.corp.co.uk"},
		{"*.CO.UK.", "", "public suffix"},
		{"*.github.io", "", "public suffix"},
		{"*.example.ck", "", "public suffix"}, // *.ck stands in the list
		{"*.corp.example.ck", "corp.example.ck", ""},
		{"*.xn--55qx5d.cn", "", "public suffix"},
		{"*.公司.cn", "", "public suffix"},
		{"a.*.b", "", "write *.corp.example"},
		{"a.*.corp.example", "", "whole labels, and only in front of a domain; write *.corp.example"},
		{"**.x.y", "", "write *.x.y"},
		{"*.*.x.y", "", "write *.x.y"},
		{"*x.corp.example", "", "write *.corp.example"},
		{"x*.corp.example", "", "write *.corp.example"},
		{"corp.example.*", "", "write *.corp.example"},
		{"*corp.example", "", "write *.corp.example"},
		{"*.bücher.example", "", "write it in a-z, 0-9 and '-', without a dot at the end: *.xn--bcher-kva.example"},
		{"*.Corp.Example", "", "dot at the end: *.corp.example"},
		{"*.corp.example.", "", "dot at the end: *.corp.example"},
		{"*.corp.example..", "", "no name"},
		{"*..corp.example", "", "no label"},
		{"*.-corp.example", "", "no label"},
		{"*.corp-.example", "", "no label"},
		{"*.corp .example", "", "no label"},
		{"*.corp\x00.example", "", "no label"},
		{"*.corp.example:443", "", "no label"},
		{"*.corp/example", "", "no label"},
		{"*.corp.example/24", "", "no label"},
		{"*." + strings.Repeat("a", 64) + ".example", "", "no label"},
		{"*." + strings.Repeat("a.", 126) + "b", "", "longer"},
		{"*.1.2.3.4", "", "address"},
		{"*.corp.0x7f", "", "address"},
		{"*.10.in-addr.arpa", "", "below arpa"},
		{"*.ip6.arpa", "", "below arpa"},
		{"*.app.localhost", "", "below localhost"},
		{"dns://*.corp.example", "", "only in front"},
	} {
		t.Run(row.host, func(t *testing.T) {
			domain, err := Wildcard(row.host)
			if domain != row.domain || (err == nil) != (row.wrong == "") || err != nil && !strings.Contains(err.Error(), row.wrong) {
				t.Errorf("%q, %v; want %q, %q", domain, err, row.domain, row.wrong)
			}
		})
	}
}

func TestAbove(t *testing.T) {
	if got := slices.Collect(Above("a.b.c")); !slices.Equal(got, []string{"b.c", "c"}) {
		t.Errorf("%q", got)
	}
	for got := range Above("single") {
		t.Errorf("%q", got)
	}
	for name, want := range map[string]bool{"a.b.c": true, "x.a.b.c": true, "b.c": false, ".b.c": false, "xb.c": false, "a.b.c.d": false, "": false} {
		if got := Below(name, "b.c"); got != want {
			t.Errorf("%q below b.c: %v", name, got)
		}
	}
}

// FuzzWildcard asks that whatever is taken for one has one spelling, and is wide
// enough for names and not for those of strangers.
func FuzzWildcard(f *testing.F) {
	for _, s := range []string{"*.corp.example", "*", "*.", "*.com", "*.co.uk", "a.*.b", "**.x.y", "*x.corp.example", "*.bücher.example", "*.Corp.Example", "*.corp.example.", "*.xn--0.example", "*\x80.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		domain, err := Wildcard(s)
		if err != nil {
			if domain != "" || !strings.Contains(err.Error(), "write ") {
				t.Errorf("%q: %q, %v", s, domain, err)
			}
			return
		}
		if s != "*."+domain || s != plainly(s) || strings.Count(domain, ".") < 1 || strings.ContainsAny(domain, "*:/ ") {
			t.Errorf("%q is read as %q", s, domain)
		}
		name := "a." + domain
		if !Below(name, domain) || !slices.Contains(slices.Collect(Above(name)), domain) || Below(domain, domain) {
			t.Errorf("%q is not below %q", name, domain)
		}
	})
}
