package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// removed stands where something was.
const removed = "[removed]"

// Cleaner takes secrets out of text that others had a hand in: an administrator's
// link, a VPN server's words, a proxy's address. It goes by shapes, and rather
// takes too much. The zero value is ready.
type Cleaner struct {
	// Home is the user's folder, which becomes "~"; empty: nothing does.
	Home string
}

// secretName is part of the name of what is secret.
const secretName = `pass(?:word|wd|phrase|code)|pwd|secret|token|cookie|credential|authorization|api[_-]?key|private[_-]?key|otp|dsid|webvpn|jsessionid`

var (
	pem     = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|$)`)
	links   = regexp.MustCompile(`(?i)\btidegate:[^\s"'<>]+`)
	login   = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>]*@`)
	query   = regexp.MustCompile(`([?&;#](?i:code|key|sig|signature|auth|session|sid|state|ticket|[\w.-]*(?:` + secretName + `)[\w.-]*)=)[^&#;\s"'<>]*`)
	header  = regexp.MustCompile(`(?i)\b((?:set-)?cookie2?|(?:proxy-)?authorization)(\s*[:=])[^\n]*`)
	keyed   = regexp.MustCompile(`(?i)([\w.-]*(?:` + secretName + `)[\w.-]*\\?["']?\s*[=:]\s*)(\[removed\]|\\"(?:[^"\\]|\\[^"])*\\"|"(?:[^"\\]|\\.)*"|'[^'\n]*'|[^\s,;&"'}\]]+)`)
	scheme  = regexp.MustCompile(`(?i)\b(bearer|basic|digest|negotiate|ntlm)\s+[A-Za-z0-9+/=._~-]{8,}`)
	jwt     = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*`)
	random  = regexp.MustCompile(`(?:pin-sha256:|sha256:)?[A-Za-z0-9+/_=-]{24,}`)
	secrets = regexp.MustCompile(`(?i)^(?:[\w.-]*(?:` + secretName + `)[\w.-]*)$`)
)

// Text cleans a text.
func (c *Cleaner) Text(s string) string {
	s = pem.ReplaceAllString(s, removed)
	s = links.ReplaceAllString(s, "tidegate:"+removed)
	s = login.ReplaceAllString(s, "${1}"+removed+"@")
	s = query.ReplaceAllString(s, "${1}"+removed)
	s = header.ReplaceAllString(s, "${1}${2} "+removed)
	s = keyed.ReplaceAllString(s, "${1}"+removed)
	s = scheme.ReplaceAllString(s, "${1} "+removed)
	s = jwt.ReplaceAllString(s, removed)
	s = random.ReplaceAllStringFunc(s, func(run string) string {
		if !drawn(run) {
			return run
		}
		return removed
	})
	if c.Home != "" && c.Home != "/" {
		s = strings.ReplaceAll(s, c.Home, "~")
	}
	return s
}

// drawn says whether a run of characters looks drawn at random, as keys and
// cookies are: letters, capitals and digits change all the time, which they do
// not in words and paths. What pins a public key is none.
func drawn(run string) bool {
	if strings.HasPrefix(run, "pin-") || strings.HasPrefix(run, "sha256:") {
		return false
	}
	kind := func(b byte) int {
		switch {
		case b >= '0' && b <= '9':
			return 1
		case b >= 'a' && b <= 'z':
			return 2
		case b >= 'A' && b <= 'Z':
			return 3
		}
		return 0
	}
	changes, last := 0, 0
	for i := range len(run) {
		if k := kind(run[i]); k != 0 && k != last {
			changes++
			last = k
		}
	}
	return changes*6 >= len(run)
}

// JSON writes a value, indented, with every text in it cleaned and what is secret
// by its name taken out.
func (c *Cleaner) JSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(c.tree(tree)); err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	return out.String(), nil
}

func (c *Cleaner) tree(v any) any {
	switch v := v.(type) {
	case string:
		return c.Text(v)
	case []any:
		for i := range v {
			v[i] = c.tree(v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			if _, text := value.(string); text && secrets.MatchString(name) {
				value = removed
			}
			clean[c.Text(name)] = c.tree(value)
		}
		return clean
	}
	return v
}
