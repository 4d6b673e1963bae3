package script

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// prefix is one entry of an allow-list: an origin, and the path at and below
// which its URLs lie.
type prefix struct {
	scheme, host, path string
}

// CheckPrefix is an error, in words, if s is no entry of an allow-list.
func CheckPrefix(s string) error {
	_, err := parsePrefix(s)
	return err
}

func parsePrefixes(list []string) ([]prefix, error) {
	all := make([]prefix, len(list))
	for i, s := range list {
		var err error
		if all[i], err = parsePrefix(s); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func parsePrefix(s string) (prefix, error) {
	u, err := parseURL(s)
	switch {
	case err != nil:
		return prefix{}, fmt.Errorf("%q: %w", short(s), err)
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return prefix{}, fmt.Errorf("%q has more than scheme://host[:port][/path]; leave ? and # away", short(s))
	}
	return prefix{u.Scheme, origin(u), u.Path}, nil
}

// parseURL parses s and refuses what servers and we might read differently.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("not a URL; write scheme://host[:port]/path")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("not a URL of http or https; write https://host[:port]/path")
	case u.User != nil:
		return nil, errors.New("a URL with a user's name in it; use headers")
	case u.Opaque != "" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return nil, errors.New("a URL without a host; write https://host[:port]/path")
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c <= ' ' || c > '~' || c == '%' }):
		return nil, errors.New("a host that is not ASCII; write its xn-- form")
	case !plainPath(u):
		return nil, errors.New(`a path with .. or an encoded . / \ in it; write it plainly`)
	}
	return u, nil
}

// plainPath says whether all that read u's path agree on where it leads, even
// those that decode it once more.
func plainPath(u *url.URL) bool {
	for _, p := range []string{u.Path, u.EscapedPath()} {
		p = strings.ToLower(p)
		for _, bad := range []string{`\`, "%2e", "%2f", "%5c", "%00", "\x00"} {
			if strings.Contains(p, bad) {
				return false
			}
		}
		for segment := range strings.SplitSeq(p, "/") {
			name, _, _ := strings.Cut(segment, ";") // some servers drop what follows
			if name == "." || name == ".." {
				return false
			}
		}
	}
	return true
}

// origin is u's host and port, the port always written.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// covers says whether u, of parseURL, lies at or below p.
func (p prefix) covers(u *url.URL) bool {
	if u.Scheme != p.scheme || origin(u) != p.host {
		return false
	}
	below, ok := strings.CutPrefix(u.Path, p.path)
	return ok && (below == "" || below[0] == '/' || strings.HasSuffix(p.path, "/")) || p.path == "" || p.path == "/"
}

// allowed parses a URL and is an error if no entry of list covers it.
func allowed(list []prefix, s string) (*url.URL, error) {
	u, err := parseURL(s)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.covers(u) {
			return u, nil
		}
	}
	return nil, fmt.Errorf("%s is not in the script's allow-list; add it under http:", shown(u))
}

// shown is u without what may be secret in it.
func shown(u *url.URL) string {
	return short((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
