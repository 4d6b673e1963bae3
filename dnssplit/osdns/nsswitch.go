package osdns

import (
	"bytes"
	"slices"
	"strings"
)

// asksResolve says whether the C library asks nss-resolve for hosts before it
// asks the servers of resolv.conf (nsswitch.conf(5)).
func asksResolve(nsswitch []byte) bool {
	for line := range bytes.Lines(nsswitch) {
		text, _, _ := strings.Cut(string(line), "#")
		services, ok := strings.CutPrefix(strings.TrimSpace(text), "hosts:")
		if !ok {
			continue
		}
		words := strings.Fields(services)
		resolve, dns := slices.Index(words, "resolve"), slices.Index(words, "dns")
		return resolve >= 0 && (dns < 0 || resolve < dns)
	}
	return false
}
