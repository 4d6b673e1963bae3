// Package plaintext makes text that came from elsewhere (a controller, an
// administrator, a policy) safe to show: in a terminal, where it could steer
// the cursor, in a menu and in a notification.
//
// Tray, notifications and the command line call it on every name and sentence
// just before showing it. Its functions are pure and safe for concurrent use.
package plaintext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes s one line without anything that a terminal or a desktop would
// obey: control characters, escape sequences' introducers, bidirectional
// overrides and other format characters, private use and invalid bytes go;
// runs of white space become one space.
func Line(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case r == utf8.RuneError || !unicode.IsPrint(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Short is Line with at most limit runes, the last of them an ellipsis where
// something was left off.
func Short(s string, limit int) string {
	s = Line(s)
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	return strings.TrimRight(string(r[:limit-1]), " ") + "…"
}

// JSON writes the characters that JSON allows in clear but a terminal obeys
// (DEL, the C1 controls, format characters) as escapes; b is valid JSON and
// the result means the same.
func JSON(b []byte) []byte {
	clean := true
	for _, r := range string(b) {
		if obeyed(r) {
			clean = false
			break
		}
	}
	if clean {
		return b
	}
	var out strings.Builder
	for _, r := range string(b) {
		if !obeyed(r) {
			out.WriteRune(r)
			continue
		}
		if r > 0xffff {
			r -= 0x10000
			writeEscape(&out, 0xd800+r>>10)
			r = 0xdc00 + r&0x3ff
		}
		writeEscape(&out, r)
	}
	return []byte(out.String())
}

func obeyed(r rune) bool {
	return r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}

func writeEscape(b *strings.Builder, r rune) {
	const hex = "0123456789abcdef"
	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(hex[r>>shift&0xf])
	}
}
