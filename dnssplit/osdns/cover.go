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

// covered says whether text is what cover made, or coverVPN.
func covered(text []byte) bool {
	return bytes.HasPrefix(text, []byte(head)) || bytes.HasPrefix(text, []byte(vpnHead))
}

// uncover is the base of what cover made, of coverVPN's or without.
func uncover(text []byte) []byte {
	if bytes.HasPrefix(text, []byte(head)) {
		text = text[len(head):]
		if _, rest, ok := bytes.Cut(text, []byte("\n")); ok { // our server
			text = rest
		}
		text = unkept(text)
	}
	if bytes.HasPrefix(text, []byte(vpnHead)) {
		text = uncoverVPN(text)
	}
	return text
}

// unkept is text with the lines that are behind kept.
func unkept(text []byte) []byte {
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

// isHead says whether a line is one of head, or says where the VPN's layer is.
func isHead(line []byte) bool {
	line = bytes.TrimSpace(line)
	for own := range strings.Lines(head + vpnHead + vpnFoot) {
		if string(line) == own[:len(own)-1] {
			return true
		}
	}
	return false
}

// behind is what stands there of somebody who has put lines of their own before
// all of ours (openfortivpn, strongSwan), had we not been there.
func (l *layers) behind(text []byte) (base []byte, ok bool) {
	for _, h := range []string{head, vpnHead} { // ours is above the VPN's
		before, after, found := bytes.Cut(text, []byte("\n"+h))
		line, _, _ := bytes.Cut(after, []byte("\n"))
		if found && (l.isOwn(line) || h == vpnHead && bytes.HasPrefix(line, []byte("nameserver"))) {
			return slices.Concat(before, []byte("\n"), uncover(slices.Concat([]byte(h), after))), true
		}
	}
	return nil, false
}

// strip is what who copied our lines, all or all but servers and the search list,
// would have written had we not been there (vpnc-script's modify_resolvconf_generic,
// which also takes the blanks around a line away).
func (l *layers) strip(text []byte) []byte {
	if base, ok := l.behind(text); ok {
		return base
	}
	both := bytes.Contains(text, []byte(kept+vpnHead[:strings.IndexByte(vpnHead, '\n')])) // ours above a VPN's
	var out []byte
	var search [][]byte
	for line := range bytes.Lines(text) {
		switch {
		case isHead(line), l.isOwn(line):
		case bytes.HasPrefix(line, []byte(kept)):
			was := bytes.Trim(line[len(kept):], blanks)
			if both && bytes.HasPrefix(was, []byte(kept)) {
				was = bytes.Trim(was[len(kept):], blanks)
			}
			switch {
			case bytes.HasPrefix(was, []byte("nameserver")), isHead(was):
			case isSearch(was):
				search = append(search, was)
			default:
				out = append(append(out, was...), '\n')
			}
		case isSearch(line):
			out = append(out, l.searched(line, search)...)
		default:
			out = append(out, line...)
		}
	}
	return out
}

// isOwn says whether a line has the C library ask us, or the VPN of ours.
func (l *layers) isOwn(line []byte) bool {
	all := l.owns()
	if (len(all) == 0 || l.Server.IsValid()) && isServer(line, l.Server) {
		return true
	}
	return slices.ContainsFunc(all, func(v *VPN) bool {
		return slices.ContainsFunc(v.Servers, func(a netip.Addr) bool { return isServer(line, a) })
	})
}

// puts says whether a server is of our layers.
func (l *layers) puts(a netip.Addr) bool {
	return a == l.Server || slices.ContainsFunc(l.owns(), func(v *VPN) bool { return slices.Contains(v.Servers, a) })
}

// isServer says whether a line has the C library ask the server; where that is not
// known, one on this machine.
func isServer(line []byte, server netip.Addr) bool {
	asked := parseConf(line).Servers
	return len(asked) > 0 && (asked[0] == server || !server.IsValid() && asked[0].IsLoopback())
}
