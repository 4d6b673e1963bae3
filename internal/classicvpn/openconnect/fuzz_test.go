package openconnect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/session"
)

func seed(f *testing.F, add func(string)) {
	f.Helper()
	names, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(names) == 0 {
		f.Fatal("there are no recordings", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(string(b))
	}
}

// Whatever a server has openconnect say, what is shown of it is bounded and plain,
// and what was typed is not in it.
func FuzzPrompts(f *testing.F) {
	seed(f, func(s string) {
		for _, ask := range []string{"Username:", "Password:", "]:", certificateQuestion} {
			if i := strings.Index(s, ask); i >= 0 {
				f.Add(s[:i+len(ask)], "Zuests", 3)
			}
		}
		f.Add(s, "10", 4096)
	})
	f.Fuzz(func(t *testing.T, s, secret string, chunk int) {
		var said transcript
		for rest := []byte(s); len(rest) > 0; {
			n := min(max(chunk, 1), len(rest))
			said.add(rest[:n])
			rest = rest[n:]
		}
		if len(said.lines) > maxLines || len(said.shown) > maxLines || len(said.tail) > maxLine {
			t.Fatal("it keeps more than it is to")
		}
		r := &redactor{}
		r.hide(secret)
		form := said.form(r, "alice", "Guests")
		shown := []string{form.Error}
		shown = append(shown, strings.Split(form.Message, "\n")...)
		if len(form.Fields) != 1 {
			t.Fatalf("there are %d fields", len(form.Fields))
		}
		field := form.Fields[0]
		shown = append(append(shown, field.Label, field.Value), field.Choices...)
		if (field.Kind == session.VPNChoice) != (len(field.Choices) > 0) {
			t.Errorf("a %s of %d choices", field.Kind, len(field.Choices))
		}
		if c, ok := said.certificate(); ok {
			shown = append(shown, c.Host, c.Reason, c.Fingerprint)
			if len(c.Fingerprint) != len(labPin) {
				t.Errorf("the fingerprint is %q", c.Fingerprint)
			}
		}
		for _, line := range shown {
			if line != plaintext.Line(line) || utf8.RuneCountInString(line) > maxMessage {
				t.Errorf("%q is shown", line)
			}
		}
		if secret = strings.TrimSpace(secret); len(secret) >= 4 && !strings.Contains(removed, secret) && strings.Contains(form.Message+form.Error+field.Label, secret) {
			t.Errorf("%q is shown in %+v", secret, form)
		}
		said.refused(r)
	})
}

// What openconnect prints of a session is taken whole or not at all, and no error
// tells what stands there.
func FuzzResult(f *testing.F) {
	f.Add(printed)
	f.Add("COOKIE='a'\\''b'\nHOST='h'\nFINGERPRINT='f'\n")
	f.Fuzz(func(t *testing.T, out string) {
		s, err := result(out)
		if err != nil {
			if s != (Session{}) {
				t.Errorf("with an error there is %v", s)
			}
			return
		}
		if !s.Valid() || strings.ContainsAny(s.cookie, "\r\n\x00") {
			t.Errorf("the session of %q is not whole", out)
		}
	})
}

// Whatever it says at last, there is a failure to be told, bounded and plain.
func FuzzEnd(f *testing.F) {
	seed(f, func(s string) { f.Add(s, 1, true, "webvpn=canary-of-a-cookie") })
	f.Fuzz(func(t *testing.T, s string, code int, connected bool, cookie string) {
		r := &Running{connected: connected}
		r.hidden.hide(cookie)
		for line := range strings.Lines(s) {
			r.note(line)
		}
		got := ended(code, false, r.lines, r.connected, &r.hidden)
		if got.Code == "" || got.Detail == "" || got.Detail != plaintext.Line(got.Detail) || utf8.RuneCountInString(got.Detail) > maxWord {
			t.Errorf("it is %+v", got)
		}
		if cookie = strings.TrimSpace(cookie); len(cookie) >= 4 && !strings.Contains(removed, cookie) && !strings.Contains("something else on this machine ended openconnect without a word", cookie) && strings.Contains(got.Detail, cookie) {
			t.Errorf("%q is told in %q", cookie, got.Detail)
		}
	})
}
