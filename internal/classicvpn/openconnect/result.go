package openconnect

import (
	"errors"
	"fmt"
	"strings"
)

// result reads what openconnect --authenticate prints: shell variables, quoted for a
// shell, which none of it ever sees. No error tells what stood there.
func result(out string) (Session, error) {
	var s Session
	seen := map[string]bool{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		name, quoted, ok := strings.Cut(line, "=")
		if !ok || strings.ContainsFunc(name, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' }) {
			return Session{}, errors.New("openconnect printed what is no variable")
		}
		if seen[name] {
			return Session{}, fmt.Errorf("openconnect printed %s twice", clean(name, 20))
		}
		seen[name] = true
		value, err := unquote(quoted)
		if err != nil {
			return Session{}, fmt.Errorf("openconnect printed %s: %w", clean(name, 20), err)
		}
		switch name {
		case "COOKIE":
			s.cookie = value
		case "HOST":
			s.Host = value
		case "CONNECT_URL":
			s.ConnectURL = value
		case "FINGERPRINT":
			s.Fingerprint = value
		case "RESOLVE":
			s.Resolve = value
		}
	}
	if !s.Valid() {
		return Session{}, errors.New("openconnect printed no session")
	}
	return s, nil
}

// unquote reads a value in single quotes: as a POSIX shell would where a quote in it
// is escaped, and as it stands where openconnect has not cared to.
func unquote(s string) (string, error) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", errors.New("it is not quoted")
	}
	v := strings.ReplaceAll(s[1:len(s)-1], `'\''`, `'`)
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errors.New("there is a control character in it")
	}
	return v, nil
}
