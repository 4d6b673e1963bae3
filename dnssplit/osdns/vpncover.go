package osdns

import (
	"bytes"
	"slices"
	"strings"
)

// A VPN that we connect has a layer of its own in resolv.conf, between what stood
// there and ours. It begins with vpnHead and ends with vpnFoot; below are the lines
// that stood there, some of them behind kept, as cover has them.
const (
	vpnHead = sign + "names are asked of the servers of the VPN that Tidegate has connected.\n" +
		sign + "What stood here comes back when it ends. Changes are noticed and kept.\n"
	vpnFoot = sign + "This stood here:\n"
)

// coverVPN is base with the VPN's servers in the place of its own, and the VPN's
// names behind those of its search list.
func coverVPN(base []byte, v *VPN) []byte {
	b := bytes.NewBufferString(vpnHead)
	for _, a := range v.Servers {
		b.WriteString("nameserver " + a.String() + "\n")
	}
	if len(v.Search) > 0 {
		b.WriteString("search " + searchOn(base, v) + "\n")
	}
	b.WriteString(vpnFoot)
	for line := range bytes.Lines(base) {
		if hidden(line) || len(v.Search) > 0 && isSearch(line) {
			b.WriteString(kept)
		}
		b.Write(line)
	}
	return b.Bytes()
}

// searchOn is the search list of base, with the VPN's names behind.
func searchOn(base []byte, v *VPN) string {
	var all []string
	for _, d := range append(lastSearch(base), v.Search...) {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return strings.Join(all, " ")
}

// lastSearch is the search list that the C library takes: the last.
func lastSearch(text []byte) (words []string) {
	for line := range bytes.Lines(text) {
		if all := strings.Fields(string(line)); len(all) > 1 && isSearch(line) {
			words = all[1:]
		}
	}
	return words
}

// isSearch says whether a line begins as one with a search list does.
func isSearch(line []byte) bool {
	line = bytes.TrimSpace(line)
	return bytes.HasPrefix(line, []byte("search")) || bytes.HasPrefix(line, []byte("domain"))
}

// uncoverVPN is the base of what coverVPN made.
func uncoverVPN(text []byte) []byte {
	if _, rest, ok := bytes.Cut(text, []byte(vpnFoot)); ok {
		return unkept(rest)
	}
	return text[len(vpnHead):] // somebody has cut it
}

// completes are the names that the VPN's layer adds to a search list.
func (l *layers) completes() []string {
	var all []string
	for _, v := range l.owns() {
		all = append(all, v.Search...)
	}
	has := parseConf(l.below()).Search
	return slices.DeleteFunc(all, func(d string) bool { return slices.Contains(has, d) })
}

// owns are the VPNs of ours that the file may have something of.
func (l *layers) owns() []*VPN {
	all := slices.Clone(l.Past)
	if l.Own != nil {
		all = append(all, l.Own)
	}
	return all
}

// searched is the line of a search list that somebody has made of ours, had ours not
// been there: of those before it, and their own names. nil: there would be none.
func (l *layers) searched(line []byte, before [][]byte) []byte {
	for _, v := range l.owns() {
		own, ok := bytes.CutPrefix(line, []byte("search "+searchOn(l.below(), v)+" "))
		if !ok || len(v.Search) == 0 {
			continue
		}
		for _, b := range before {
			if _, rest, ok := bytes.Cut(b, []byte(" ")); ok {
				b = rest
			}
			own = slices.Concat(b, []byte(" "), own)
		}
		if len(bytes.TrimSpace(own)) == 0 {
			return nil
		}
		return append([]byte("search "), own...)
	}
	return less(line, l.completes())
}

// less is a line of a search list without some names; nil: there are no others.
func less(line []byte, names []string) []byte {
	words := strings.Fields(string(line))
	if len(names) == 0 || len(words) < 2 || !isSearch(line) {
		return line
	}
	left := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(names, w) })
	switch len(left) {
	case len(words):
		return line
	case 1:
		return nil
	}
	return []byte(strings.Join(left, " ") + "\n")
}
