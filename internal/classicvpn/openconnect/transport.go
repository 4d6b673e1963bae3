package openconnect

import (
	"regexp"
	"strings"
)

// What carries packets.
const (
	overTLS  = "TLS"
	overDTLS = "DTLS"
	overESP  = "ESP"
)

var (
	// configured is what it says when a tunnel is up, and when one has come back.
	configured = regexp.MustCompile(`^Configured as .*, with SSL\S* .* and (DTLS|ESP|UDP)\b.*?(\S+)$`)
	// fallen are the words by which it goes back to TLS.
	fallen = regexp.MustCompile(`^(?:(?:DTLS|ESP)\b.*(?:dead peer|failed|timed out|error|disabled)|(?:Read|Write) error on (?:DTLS|ESP)|Failed to connect (?:DTLS|ESP) tunnel; using HTTPS|Set up UDP failed|(?:CSTP|Pulse|PPP|GPST|oNCP) .*reconnect|User requested reconnect|SSL negotiation with )`)
)

// transport says what carries the packets after a line of openconnect's; ok is false
// where the line says nothing of it.
func transport(line string) (t string, ok bool) {
	switch {
	case strings.HasPrefix(line, "Established DTLS connection"):
		return overDTLS, true
	case strings.HasPrefix(line, "ESP session established with server"):
		return overESP, true
	case fallen.MatchString(line):
		return overTLS, true
	}
	m := configured.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	if state := strings.TrimSuffix(m[2], "."); state != "connected" && state != "established" {
		return overTLS, true
	}
	if m[1] == overESP {
		return overESP, true
	}
	return overDTLS, true
}
