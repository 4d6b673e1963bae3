package openconnect

import (
	"regexp"
	"strings"
)

// The most that is kept of what openconnect says: lines, and bytes of a line.
const (
	maxLines = 64
	maxLine  = 4096
)

// stamp begins what openconnect itself says of its progress (--timestamp), and none
// of what it shows of a server's forms.
var stamp = regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] `)

// request begins a new exchange with the server: what a form said before is over.
var request = regexp.MustCompile(`^(?:GET|POST|PUT) https?://`)

// transcript is what openconnect says while it signs in, as far as it is of use: the
// end of it. The zero value is an empty one.
type transcript struct {
	tail     []byte   // the line that is not finished
	skip     bool     // the rest of a line that is too long is left out
	lines    []string // since the last answer: all
	shown    []string // since the last answer or request: forms
	progress []string // since the last answer: its own
	peer     string   // the address that it has connected to last
}

// add takes what it has said.
func (t *transcript) add(b []byte) {
	for _, c := range b {
		if c == '\n' {
			t.finish()
			continue
		}
		if len(t.tail) >= maxLine {
			t.skip = true
		}
		if !t.skip {
			t.tail = append(t.tail, c)
		}
	}
}

// finish ends the line.
func (t *transcript) finish() {
	line := strings.TrimRight(strings.ToValidUTF8(string(t.tail), ""), "\r")
	t.tail, t.skip = t.tail[:0], false
	at := stamp.FindString(line)
	own := strings.TrimPrefix(line, at)
	t.lines = keep(t.lines, own)
	if at == "" {
		t.shown = keep(t.shown, line)
		return
	}
	t.progress = keep(t.progress, own)
	if request.MatchString(own) {
		t.shown = nil
	}
	if peer, ok := strings.CutPrefix(own, "Connected to "); ok && !strings.Contains(peer, " ") {
		t.peer = peer
	}
}

// answered ends the line that asked, and forgets what led to it.
func (t *transcript) answered() {
	t.tail, t.skip = t.tail[:0], false
	t.lines, t.shown, t.progress = nil, nil, nil
}

func keep(lines []string, line string) []string {
	if len(lines) >= maxLines {
		lines = append(lines[:0], lines[1:]...)
	}
	return append(lines, line)
}

// wantsBrowser says that it has begun to wait for what a browser would tell it, and
// by which line.
func (t *transcript) wantsBrowser() (string, bool) {
	for _, line := range t.progress {
		if strings.Contains(line, "pawning external browser") || strings.HasPrefix(line, "Failed to spawn external browser") {
			return line, true
		}
	}
	return "", false
}
