// Package xconnect has this program's HTTP/2 servers take extended CONNECT
// requests (RFC 8441), by which a CONNECT-UDP comes. net/http and
// golang.org/x/net/http2 have them switched off, and read once, while they are
// initialised, whether GODEBUG says otherwise. A package is initialised as soon
// as what it imports has been, in the order of import paths (the language's
// specification, program initialization): this one imports nothing but os, so it
// comes before both. Package gateway imports it for that; it has nothing to call.
package xconnect

import (
	"os"
	"strings"
)

const setting = "http2xconnect="

func init() {
	was := os.Getenv("GODEBUG")
	if strings.Contains(was, setting) { // somebody has decided
		return
	}
	if was != "" {
		was += ","
	}
	os.Setenv("GODEBUG", was+setting+"1") // fails on no system that has this name
}
