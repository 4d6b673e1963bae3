package openconnect

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/tidegate/tidegate/internal/plaintext"
)

// clean makes one line of plain text of s, with at most n runes.
func clean(s string, n int) string { return plaintext.Short(s, n) }

// removed stands for what is not told.
const removed = "[removed]"

var (
	// named are values that stand beside a name that says that they are secret.
	named  = regexp.MustCompile(`(?i)([\w-]*(?:cookie|webvpn|strapkey|dsid|dsfirst\w*|mrhsession|f5_st|dspreauth|token|session[-_]?id|anssession\w*|password|passwd|passcode|secret|authorization|key)['"]?\s*=\s*)('[^']*'|"[^"]*"|[^\s;,&]+)`)
	headed = regexp.MustCompile(`(?i)\b(authorization|x-\S*token\S*):.*`)
	cookie = regexp.MustCompile(`(?i)(cookie[\w ]*)(?:'[^']*'|:.*)`)
	// query is what stands in an address behind its path.
	query = regexp.MustCompile(`(https?://[^\s?#]*)[?#]\S*`)
	// long is what only a machine writes: a cookie, a key, a token.
	long = regexp.MustCompile(`(pin-sha256:)?[A-Za-z0-9+/_=%-]{32,}`)
)

// redactor takes secrets out of what openconnect says: those that it has been told,
// and what looks like one.
type redactor struct{ secrets []string }

// hide adds a secret.
func (r *redactor) hide(s string) {
	if s = strings.TrimSpace(s); s != "" {
		r.secrets = append(r.secrets, s)
	}
}

// line makes one line of plain text of s, without secrets, with at most n runes.
func (r *redactor) line(s string, n int) string {
	if len(s) > 4*maxLine {
		s = s[:4*maxLine]
	}
	s = r.told(s)
	s = headed.ReplaceAllString(s, "$1: "+removed)
	s = cookie.ReplaceAllString(s, "$1: "+removed)
	s = named.ReplaceAllString(s, "${1}"+removed)
	s = query.ReplaceAllString(s, "$1?"+removed)
	s = long.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "pin-sha256:") {
			return m
		}
		return removed
	})
	return r.words(s, n)
}

// words makes one line of plain text of what a server says to the user, with at most n
// runes: word for word, but for what the user has typed.
func (r *redactor) words(s string, n int) string {
	if len(s) > 4*maxLine {
		s = s[:4*maxLine]
	}
	return clean(r.told(plaintext.Line(r.told(s))), n) // once more: what was apart may be together now
}

// told takes the secrets out that are known: a short one only where it is a word.
func (r *redactor) told(s string) string {
	for _, secret := range r.secrets {
		if len(secret) >= 4 {
			s = strings.ReplaceAll(s, secret, removed)
			continue
		}
		s = replaceWord(s, secret)
	}
	return s
}

func replaceWord(s, word string) string {
	var b strings.Builder
	before := ' '
	for {
		i := strings.Index(s, word)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		rest := s[i+len(word):]
		if i > 0 {
			before = rune(s[i-1])
		}
		after := ' '
		if rest != "" {
			after = rune(rest[0])
		}
		b.WriteString(s[:i])
		if inWord(before) || inWord(after) {
			b.WriteString(word)
		} else {
			b.WriteString(removed)
		}
		before = rune(word[len(word)-1])
		s = rest
	}
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
