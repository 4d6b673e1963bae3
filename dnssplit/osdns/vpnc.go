package osdns

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// vpncScript is what openconnect and vpnc tell the system by. In resolv.conf it
// leaves a mark, and takes its own lines away again only where it finds that.
const vpncScript = "vpnc-script"

// blanks are what the shell takes away around a line: of a file with other ends of
// lines some stay.
const blanks = " \t\n"

// vpncHead is the number of lines of its mark.
const vpncHead = 3

// vpncBackups are where it keeps what it has overwritten, by its process.
var vpncBackups = []string{"/run/vpnc/resolv.conf-backup.*", "/var/run/vpnc/resolv.conf-backup.*"}

// backup is what somebody has kept of resolv.conf, to put it back.
type backup struct {
	path string // as seen below Root
	text []byte
}

// backupsAt are those that match, the newest first.
func backupsAt(o Options, patterns ...string) []backup {
	var all []backup
	age := map[string]int64{}
	for _, p := range patterns {
		names, _ := filepath.Glob(o.path(p)) // errors are of the pattern
		for _, name := range names {
			info, err := os.Lstat(name)
			if err != nil || !info.Mode().IsRegular() || info.Size() > maxContent {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				continue // it may be gone: that is what they are for
			}
			path := strings.TrimPrefix(name, strings.TrimSuffix(o.path("/"), "/"))
			age[path] = info.ModTime().UnixNano()
			all = append(all, backup{path, text})
		}
	}
	slices.SortStableFunc(all, func(a, b backup) int { return int(min(1, max(-1, age[b.path]-age[a.path]))) })
	return all
}

// vpncLines are the lines of base that vpnc-script keeps, and what it puts before
// the VPN's own names in the search list.
func vpncLines(base []byte) (stay [][]byte, search string) {
	for line := range bytes.Lines(base) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // the shell's read passes over it
		}
		switch line = bytes.Trim(line, blanks); {
		case bytes.HasPrefix(line, []byte("nameserver")):
		case bytes.HasPrefix(line, []byte("domain")), bytes.HasPrefix(line, []byte("search")):
			rest := string(line)
			if _, after, ok := strings.Cut(rest, " "); ok {
				rest = after
			}
			search = rest + " " + search
		default:
			stay = append(stay, line)
		}
	}
	return stay, search
}

// madeOf says whether vpnc-script, finding base, has written text, and which
// names it has added to the search list.
func madeOf(text, base []byte) (own []string, ok bool) {
	stay, before := vpncLines(base)
	search := strings.Fields(before)
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if len(lines) < vpncHead+len(stay) || writer(lines[0]) != vpncScript {
		return nil, false
	}
	if !slices.EqualFunc(lines[vpncHead:vpncHead+len(stay)], stay, bytes.Equal) {
		return nil, false
	}
	all := parseConf(bytes.Join(lines[vpncHead+len(stay):], []byte("\n"))).Search
	if len(all) < len(search) || !slices.Equal(all[:len(search)], search) {
		return nil, false
	}
	return all[len(search):], true
}

// madeInstead is what vpnc-script would have written, finding base, where it has
// written text on top of what another run of it had left.
func madeInstead(text, left, base []byte) ([]byte, bool) {
	own, ok := madeOf(text, left)
	if !ok {
		return nil, false
	}
	stay, search := vpncLines(base)
	lines := append(bytes.SplitN(text, []byte("\n"), vpncHead+1)[:vpncHead:vpncHead], stay...)
	for _, a := range parseConf(text).Servers {
		lines = append(lines, []byte("nameserver "+a.String()))
	}
	if search += strings.Join(own, " "); search != "" {
		lines = append(lines, []byte("search "+search))
	}
	return append(bytes.Join(lines, []byte("\n")), '\n'), true
}
