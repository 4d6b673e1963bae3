package protocol

import (
	"net/netip"
	"strings"

	"github.com/tidegate/tidegate/dnssplit/osdns"
)

// DNSServer is where names are answered: at a loopback address, for what goes to
// one of a device's would leave by another way once that is gone.
var DNSServer = netip.MustParseAddrPort("127.11.0.53:53")

// DNS is what came of ApplyDNS.
type DNS struct {
	// Mode is how the system was told, and Why that way was taken.
	Mode osdns.Mode `json:"mode"`
	Why  string     `json:"why,omitempty"`
	// Adapter is the physical one, that the machine's network is reached by; empty:
	// it has none.
	Adapter string `json:"adapter,omitempty"`
	// Filtered: the kernel drops what comes by the adapter in answer to what was
	// sent by it, while another VPN has the default route: rp_filter is strict.
	Filtered bool `json:"filtered,omitempty"`
	// Upstreams are who is to be asked for names that are not ours, where
	// Mode.All().
	Upstreams   []osdns.Upstream   `json:"upstreams,omitempty"`
	Competitors []osdns.Competitor `json:"competitors,omitempty"`
	// Left are domains that the system is not told of, by why: Outside or Conflict.
	Left map[Code][]string `json:"left,omitempty"`
}

// Domain says whether s is a domain in the form that messages have them: labels
// of lower case letters, digits, underscores and inner hyphens, in ASCII, without
// a last dot.
func Domain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
