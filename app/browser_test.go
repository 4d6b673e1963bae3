package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/internal/desktoptest"
)

// wiki is the one name that programs reach by itself.
func wiki(host string) bool { return host == "wiki.corp.example" }

func nameless(string) bool { return false }

func TestApplicationURL(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"http://127.1.2.3/", "http://127.1.2.3/"},
		{"https://127.1.2.3:8443/a?b=c#d", "https://127.1.2.3:8443/a?b=c#d"},
		{"http://[::1]:8080/", "http://[::1]:8080/"},
		{"http://wiki.corp.example/start", "http://wiki.corp.example/start"},
		{"https://wiki.corp.example:8443/", "https://wiki.corp.example:8443/"},
		{"http://Wiki.Corp.example./", "http://Wiki.Corp.example./"},
		{"HTTP://127.0.0.1", "http://127.0.0.1"},

		{"", ""},
		{"http://example.com/", ""},
		{"http://localhost/", ""}, // a name is looked up, and may lead anywhere
		{"http://10.0.0.1/", ""},
		{"http://169.254.169.254/latest/meta-data", ""},
		{"http://[::ffff:10.0.0.1]/", ""},
		{"http://[fe80::1%25eth0]/", ""},
		{"http://127.0.0.1@evil.example/", ""},
		{"http://user@127.0.0.1/", ""},
		{"http://wiki.corp.example@evil.example/", ""},
		{"http://user@wiki.corp.example/", ""},
		{"http://x.wiki.corp.example/", ""},
		{"file://wiki.corp.example/etc/passwd", ""},
		{"http://127.1/", ""},
		{"http://0x7f000001/", ""},
		{"http:127.0.0.1", ""},
		{"file:///etc/passwd", ""},
		{"file://127.0.0.1/etc/passwd", ""},
		{"javascript:alert(1)", ""},
		{"ssh://127.1.2.3", ""},
		{"tidegate:enrol?x", ""},
		{"--help", ""},
		{"http://127.0.0.1/\x00", ""},
	} {
		t.Run(tt.in, func(t *testing.T) {
			got, err := applicationURL(tt.in, wiki)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func FuzzApplicationURL(f *testing.F) {
	f.Add("http://127.0.0.1:80/a b")
	f.Add("https://[::1]/")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := applicationURL(s, nameless)
		if err != nil {
			return
		}
		if !strings.HasPrefix(got, "http://127.") && !strings.HasPrefix(got, "https://127.") &&
			!strings.HasPrefix(got, "http://[") && !strings.HasPrefix(got, "https://[") || strings.ContainsAny(got, " \x00\n\x1b") {
			t.Errorf("%q would be opened as %q", s, got)
		}
		if again, err := applicationURL(got, nameless); err != nil || again != got {
			t.Errorf("%q reads back as %q, %v", got, again, err)
		}
	})
}

// xdgOpen puts a browser starter on the PATH that does as the script says.
func xdgOpen(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	if script == "" {
		t.Setenv("PATH", dir)
	}
}

func TestOpenURL(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	xdgOpen(t, `echo "$# $1" > `+said)
	if err := openURL("http://127.1.2.3:8080/a?b=$(c)", nameless); err != nil {
		t.Fatal(err)
	}
	desktoptest.Eventually(t, "the browser", func() bool { _, err := os.Stat(said); return err == nil })
	if b, err := os.ReadFile(said); err != nil || string(b) != "1 http://127.1.2.3:8080/a?b=$(c)\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := openURL("http://example.com/", nameless); err == nil {
		t.Error("a page elsewhere was opened")
	}
	xdgOpen(t, "exit 3")
	if err := openURL("http://127.1.2.3/", nameless); err == nil {
		t.Error("a failure was not told")
	}
	xdgOpen(t, "")
	if err := openURL("http://127.1.2.3/", nameless); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("without xdg-open: %v", err)
	}
}
