package osdns

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

// What we write into resolv.conf begins with head. Lines of what stood there that
// are not to count, its servers and the marks of who wrote it, stay behind kept:
// so the file itself says what is to come back, should all else be lost, and
// what others copy line by line can be told from what is theirs. The words stay as
// they are: a version that comes while names are split knows its predecessor's.
const (
	sign = "# tidegate: "
	kept = "# tidegate-was: "
	head = sign + "names of your applications are answered on this device, all others are passed on.\n" +
		sign + "What stood here comes back when it ends. Changes are noticed and kept.\n"
)

// cover is base with the server in the place of its own. Its search list and
// options stay.
func cover(base []byte, server netip.Addr) []byte {
	b := bytes.NewBufferString(head + "nameserver " + server.String() + "\n")
	for line := range bytes.Lines(base) {
		if hidden(line) {
			b.WriteString(kept)
		}
		b.Write(line)
	}
	return b.Bytes()
}

// hidden says whether a line is kept as a comment: all programs are to ask us,
// also those that take a server behind blanks, and nobody is to take the file
// for that of who wrote it before us.
func hidden(line []byte) bool {
	line = bytes.TrimSpace(line)
	return bytes.HasPrefix(line, []byte("nameserver")) || bytes.HasPrefix(line, []byte("#"))
}

// covered says whether text is what cover made.
func covered(text []byte) bool { return bytes.HasPrefix(text, []byte(head)) }

// uncover is the base of what cover made.
func uncover(text []byte) []byte {
	text = text[len(head):]
	if _, rest, ok := bytes.Cut(text, []byte("\n")); ok { // our server
		text = rest
	}
	base := make([]byte, 0, len(text))
	for line := range bytes.Lines(text) {
		base = append(base, bytes.TrimPrefix(line, []byte(kept))...)
	}
	return base
}

// traced says whether somebody has copied lines of ours.
func traced(text []byte) bool {
	for line := range bytes.Lines(text) {
		if isHead(line) {
			return true
		}
	}
	return false
}

// isHead says whether a line is one of head.
func isHead(line []byte) bool {
	line = bytes.TrimSpace(line)
	for own := range strings.Lines(head) {
		if string(line) == own[:len(own)-1] {
			return true
		}
	}
	return false
}

// behind is what stands there of somebody who has put lines of their own before
// all of ours (openfortivpn, strongSwan), had we not been there.
func behind(text []byte, server netip.Addr) (base []byte, ok bool) {
	before, ours, found := bytes.Cut(text, []byte("\n"+head))
	line, _, _ := bytes.Cut(ours, []byte("\n"))
	if !found || !isServer(line, server) {
		return nil, false
	}
	return slices.Concat(before, []byte("\n"), uncover(slices.Concat([]byte(head), ours))), true
}

// strip is what who copied our lines, all or all but servers and the search list,
// would have written had we not been there (vpnc-script's modify_resolvconf_generic,
// which also takes the blanks around a line away).
func strip(text []byte, server netip.Addr) []byte {
	if base, ok := behind(text, server); ok {
		return base
	}
	var out []byte
	for line := range bytes.Lines(text) {
		switch {
		case isHead(line), isServer(line, server):
		case bytes.HasPrefix(line, []byte(kept)):
			was := strings.Trim(string(line[len(kept):]), blanks)
			if !strings.HasPrefix(was, "nameserver") {
				out = append(out, was+"\n"...)
			}
		default:
			out = append(out, line...)
		}
	}
	return out
}

// isServer says whether a line has the C library ask the server; where that is not
// known, one on this machine.
func isServer(line []byte, server netip.Addr) bool {
	asked := parseConf(line).Servers
	return len(asked) > 0 && (asked[0] == server || !server.IsValid() && asked[0].IsLoopback())
}
