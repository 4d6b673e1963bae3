package diag

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestClean(t *testing.T) {
	c := &Cleaner{Home: "/home/ada"}
	for _, tt := range []struct{ name, in, want string }{
		{"plain words", "The controller is reached over QUIC", "The controller is reached over QUIC"},
		{"an address", "https://wiki.harbour.example:8443/a/b?page=2", "https://wiki.harbour.example:8443/a/b?page=2"},
		{"a login in an address", "proxy http://ada:canary@proxy.example:3128/", "proxy http://[removed]@proxy.example:3128/"},
		{"a login with an @", "https://ada:can@ary@vpn.example", "https://[removed]@vpn.example"},
		{"a query", "https://app.example/?user=ada&access_token=canary&x=1", "https://app.example/?user=ada&access_token=[removed]&x=1"},
		{"a callback", "http://127.0.0.1:1/cb?code=canary&state=canary", "http://127.0.0.1:1/cb?code=[removed]&state=[removed]"},
		{"an enrolment link", "clicked tidegate:enrol?controller=a&code=canary now", "clicked tidegate:[removed] now"},
		{"a header", "Cookie: DSID=canary; other=canary", "Cookie: [removed]"},
		{"a key of a log line", `level=INFO password="can ary" n=1`, `level=INFO password=[removed] n=1`},
		{"a key in JSON", `{"client_secret": "can\"ary", "n": 1}`, `{"client_secret": [removed], "n": 1}`},
		{"a key in JSON within a log line", `body="{\"password\":\"canary\"}"`, `body="{\"password\":[removed]}"`},
		{"a bearer", "sent Bearer canary.canary-canary", "sent Bearer [removed]"},
		{"a token", "got eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2ln now", "got [removed] now"},
		{"a key in PEM", "k -----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY----- end", "k [removed] end"},
		{"a key in PEM that is cut off", "k -----BEGIN EC PRIVATE KEY-----\nY2FuYXJ5", "k [removed]"},
		{"a VPN's cookie", "COOKIE='canary'", "COOKIE= [removed]"},
		{"what is drawn at random", "with Yx3kQ9vB2mT7pL0sW8dR4fH6jN1c today", "with [removed] today"},
		{"hexadecimal", "with 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.", "with [removed]."},
		{"a pinned key is public", "pin-sha256:Yx3kQ9vB2mT7pL0sW8dR4fH6jN1cAAAA=", "pin-sha256:Yx3kQ9vB2mT7pL0sW8dR4fH6jN1cAAAA="},
		{"a long name", "a-very-long-name-of-some-service-in-the-harbour", "a-very-long-name-of-some-service-in-the-harbour"},
		{"an id", "decision mfzgkzdfmzuw45db", "decision mfzgkzdfmzuw45db"},
		{"the user's folder", "open /home/ada/.config/tidegate: denied", "open ~/.config/tidegate: denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.Text(tt.in); got != tt.want {
				t.Errorf("%q\nwant %q\ngot  %q", tt.in, tt.want, got)
			}
		})
	}
}

func TestCleanJSON(t *testing.T) {
	c := &Cleaner{}
	got, err := c.JSON(map[string]any{"cookie": "canary", "n": 7, "apps": []any{map[string]any{"link": "https://a:canary@b/", "password": "canary"}}, "cure": []string{"password"}})
	want := "{\n  \"apps\": [\n    {\n      \"link\": \"https://[removed]@b/\",\n      \"password\": \"[removed]\"\n    }\n  ],\n  \"cookie\": \"[removed]\",\n  \"cure\": [\n    \"password\"\n  ],\n  \"n\": 7\n}\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// What is cleaned stays so, and nothing of an address's login is left.
func FuzzClean(f *testing.F) {
	f.Add("http://ada:canary@proxy.example:3128/ Cookie: x")
	f.Add("-----BEGIN X-----\n-----END X-----")
	f.Fuzz(func(t *testing.T, s string) {
		c := &Cleaner{Home: "/home/ada"}
		if got := c.Text("https://u:canary@host/" + s); strings.Contains(got, "canary@") {
			t.Errorf("%q", got)
		}
	})
}

func report() *Report {
	r := &Report{At: time.Date(2026, 11, 20, 14, 36, 0, 0, time.Local), Version: "1.2.3", Checks: []Check{
		{ID: "a", Title: "The clock", Outcome: Good, Text: "It is right."},
		{ID: "b", Title: "The controller", Outcome: Bad, Text: "It is not reached.", Fix: "Go online."},
		{ID: "c", Title: "The tray", Text: "Not asked."},
	}}
	r.Files = []File{{"summary.txt", r.Summary()}, {"state.json", "{}\n"}}
	return r
}

func TestSummary(t *testing.T) {
	_, got, _ := strings.Cut(report().Summary(), "\n")
	want := "One thing is wrong.\n\n[wrong]     The controller: It is not reached.\n            → Go online.\n\n" +
		"[not known] The tray: Not asked.\n\n[fine]      The clock: It is right.\n"
	if got != want {
		t.Errorf("%s", got)
	}
}

func TestSave(t *testing.T) {
	r := report()
	if r.Name() != "tidegate-diag-20261120-143600.tar.gz" {
		t.Error(r.Name())
	}
	path := filepath.Join(t.TempDir(), r.Name())
	if err := r.Save(path, false); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, text := range unpack(t, f) {
		if want := map[string]string{"summary.txt": r.Summary(), "state.json": "{}\n"}[filepath.Base(name)]; text != want {
			t.Errorf("%s is %q", name, text)
		}
	}
	if err := r.Save(path, false); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if err := r.Save(path, true); err != nil {
		t.Error(err)
	}
}

// unpack reads an archive.
func unpack(t *testing.T, r io.Reader) map[string]string {
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for a := tar.NewReader(z); ; {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(a)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}

func TestLines(t *testing.T) {
	var l Lines
	if l.Text() != "" {
		t.Error("there are lines from the start")
	}
	log := slog.New(slog.NewTextHandler(&l, nil))
	log.Info("first")
	if got := l.Text(); !strings.HasSuffix(got, "msg=first\n") {
		t.Errorf("%q", got)
	}
	for i := range keptLines {
		fmt.Fprintf(&l, "line %d\n", i)
	}
	if got := l.Text(); strings.Contains(got, "first") || !strings.HasPrefix(got, "line 0\nline 1\n") || !strings.HasSuffix(got, "line 499\n") {
		t.Errorf("%.40q", got)
	}
	l.Write(bytes.Repeat([]byte("x"), 4*longest))
	if got := l.Text(); len(got) > 20*keptLines+longest {
		t.Errorf("%d bytes", len(got))
	}
}
