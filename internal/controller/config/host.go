package config

import (
	"net/netip"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

const exampleTarget = "write a name such as wiki.example.com, an address, a CIDR such as 10.0.0.0/24, dns://db.example.com or srv://_ldap._tcp.example.com"

// checkTarget says what is wrong with a host of an action: what checkHost takes,
// a wildcard or a resolver name.
func checkTarget(h string, p wire.Protocol) string {
	scheme, name, resolver := strings.Cut(h, "://")
	switch {
	case !resolver && wire.IsWildcard(h):
		if _, err := wire.Wildcard(h); err != nil {
			return err.Error()
		}
	case !resolver:
		return checkHost(h)
	case scheme == "dns":
		if strings.ContainsAny(name, "/:") || checkName(name) != "" {
			return "write a resolver name such as dns://db.example.com"
		}
	case scheme == "srv":
		service, rest, _ := strings.Cut(name, ".")
		carrier, rest, _ := strings.Cut(rest, ".")
		if len(service) < 2 || service[0] != '_' || (carrier != "_tcp" && carrier != "_udp") || checkName(service[1:]) != "" || checkName(rest) != "" {
			return "write a service such as srv://_ldap._tcp.example.com"
		}
		if p != wire.ICMP && carrier[1:] != string(p) {
			return "the service is reached by " + carrier[1:] + " and the action is for " + string(p) + "; write protocol: " + carrier[1:]
		}
	default:
		return exampleTarget
	}
	return ""
}

// checkHost says what is wrong with a name, an address or a CIDR of an action.
func checkHost(h string) string {
	if _, err := netip.ParseAddr(h); err == nil {
		return ""
	}
	if p, err := netip.ParsePrefix(h); err == nil {
		if p != p.Masked() {
			return "it has bits behind its mask; write " + p.Masked().String()
		}
		return ""
	}
	return checkName(h)
}

// checkName says what is wrong with a name of DNS.
func checkName(h string) string {
	if h == "" || len(h) > 253 || strings.Trim(h[len(h)-1:], "0123456789") == "" {
		return "write a name such as wiki.example.com, an address, or a CIDR such as 10.0.0.0/24"
	}
	for label := range strings.SplitSeq(h, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || strings.ContainsFunc(label, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		}) {
			return "write a name in a-z, 0-9 and '-', an address, or a CIDR such as 10.0.0.0/24"
		}
	}
	return ""
}
