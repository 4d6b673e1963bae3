package dnssplit

import (
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"

	"github.com/tidegate/tidegate/internal/lang"
)

func errName() error {
	return errors.New(lang.T("that is no name that can be looked up: one is like wiki.corp.example"))
}

// question is a name as programs ask for it. It refuses what cannot be asked for.
func question(name string) (string, error) {
	host := plain(strings.TrimSpace(name))
	if _, err := netip.ParseAddr(host); err == nil {
		return "", errors.New(lang.T("that is an address: nobody is asked for it"))
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) { // only then: it refuses underscores
		var err error
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return "", errName()
		}
		host = plain(host)
	}
	if host == "" || len(host) > 253 {
		return "", errName()
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == ':' }) {
			return "", errName()
		}
	}
	return host, nil
}
