package config

import (
	"net"
	"strconv"
	"strings"
)

// SplitAddress reads host:port and says what is wrong with it.
func SplitAddress(s string, zero bool) (host string, port uint16, wrong string) {
	if s == "" {
		return "", 0, "an address is missing"
	}
	host, p, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(p, 10, 16)
	switch {
	case err != nil:
		return "", 0, strconv.Quote(s) + " is not host:port"
	case perr != nil || n == 0 && !zero:
		return "", 0, strconv.Quote(p) + " is not a port"
	case strings.ContainsAny(host, "/@?#% \t\r\n"):
		return "", 0, strconv.Quote(host) + " is not a host"
	}
	return host, uint16(n), ""
}
