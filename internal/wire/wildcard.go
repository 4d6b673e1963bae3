package wire

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// maxName is the length in bytes of the longest name (RFC 1035, section 2.3.4).
const maxName = 253

// special are the names of special use (RFC 6761, RFC 7686) that no name server
// answers for, and arpa, whose names are addresses.
var special = []string{"arpa", "invalid", "localhost", "onion"}

// IsWildcard says whether a host of an action is meant as one, sound or not.
func IsWildcard(host string) bool { return strings.Contains(host, "*") }

// Wildcard reads a host of the form *.corp.example, which stands for all names
// below corp.example, however deep, and not for corp.example itself. There is one
// spelling: the star is the whole first label, and behind it stand two labels or
// more in lower case and ASCII, without a dot at the end, which are no public
// suffix (publicsuffix.org). The error says what to write; whoever gets it takes
// the host for something that is not known.
func Wildcard(host string) (domain string, err error) {
	if len(host) > maxName {
		return "", errors.New("it is longer than a name may be; write a domain such as *.corp.example")
	}
	domain, ok := strings.CutPrefix(host, "*.")
	switch plain := plainly(host); {
	case strings.Trim(host, "*.") == "":
		return "", errors.New("it would be every name; write a domain behind the star, such as *.corp.example")
	case !ok || strings.Contains(domain, "*"):
		return "", fmt.Errorf("a star stands for whole labels, and only in front of a domain; write %s", meant(plain))
	case plain != host:
		if plainly(plain) != plain {
			return "", errors.New("it is no name; write a domain such as *.corp.example")
		}
		if _, err := Wildcard(plain); err != nil {
			return "", err
		}
		return "", fmt.Errorf("write it in a-z, 0-9 and '-', without a dot at the end: %s", plain)
	}
	labels := strings.Split(domain, ".")
	for _, l := range labels {
		if !label(l) {
			return "", fmt.Errorf("%q is no label of a name; write a domain such as *.corp.example", l)
		}
	}
	last := labels[len(labels)-1]
	switch suffix, _ := publicsuffix.PublicSuffix(domain); {
	case number(last):
		return "", errors.New("there are no names below an address; write a network such as 10.0.0.0/24")
	case slices.Contains(special, last):
		return "", fmt.Errorf("no name server answers for names below %s; write a domain such as *.corp.example", last)
	case len(labels) < 2:
		return "", fmt.Errorf("one label behind the star is too wide; write a domain of your own, such as *.corp.%s", domain)
	case suffix == domain:
		return "", fmt.Errorf("%s is a public suffix, below which anybody may have names; write a domain of your own, such as *.corp.%s", domain, domain)
	}
	return domain, nil
}

// Above are the domains above a name, the nearest first: b.c and c of a.b.c.
func Above(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			_, rest, ok := strings.Cut(name, ".")
			if !ok || !yield(rest) {
				return
			}
			name = rest
		}
	}
}

// Below says whether a name lies below a domain, however deep.
func Below(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && len(rest) > 1 && strings.HasSuffix(rest, ".")
}

// plainly is a host in lower case and ASCII, without a dot at the end.
func plainly(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if star, rest, ok := strings.Cut(host, "*."); ok {
		if ascii, err := idna.Lookup.ToASCII(rest); err == nil {
			host = star + "*." + ascii
		}
	}
	return host
}

// meant is the wildcard that somebody may have meant.
func meant(host string) string {
	if _, rest, ok := strings.Cut(host[strings.LastIndex(host, "*")+1:], "."); ok {
		if _, err := Wildcard("*." + rest); err == nil {
			return "*." + rest
		}
	}
	return "*.corp.example"
}

func label(l string) bool {
	return l != "" && len(l) <= 63 && l[0] != '-' && l[len(l)-1] != '-' && strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// number says whether a name that ends in it is an address to some parser (WHATWG
// URL, section 3.5).
func number(l string) bool {
	if hex, ok := strings.CutPrefix(l, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(l, "0123456789") == ""
}
