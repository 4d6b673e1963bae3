package hook

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/helper/protocol"
)

// maxDomains is for how many bytes of domains a message has room beside networks.
const maxDomains = 8 << 10

// names reads who is asked for names there, and for which. Servers that are told lie
// in the VPN, whatever its networks are. Without a list of domains they are asked for
// all names, as by vpnc-script.
func (r reader) names() error {
	v := &r.ev.VPN
	has4 := slices.ContainsFunc(v.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
	has6 := slices.ContainsFunc(v.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() })
	for _, s := range strings.Fields(r.said["INTERNAL_IP4_DNS"] + " " + r.said["INTERNAL_IP6_DNS"]) {
		a, err := netip.ParseAddr(s)
		if err != nil || !usable(a) || a.Is4() && !has4 || a.Is6() && !has6 || slices.Contains(v.Servers, a) || len(v.Servers) == protocol.MaxVPNServers {
			continue // others remain, or there is none
		}
		v.Servers = append(v.Servers, a)
		if !slices.ContainsFunc(v.Routes, func(p netip.Prefix) bool { return p.Contains(a) }) {
			v.Routes = append(v.Routes, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	if len(v.Servers) == 0 {
		return nil
	}
	room := maxDomains
	apart := func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' }
	search := strings.FieldsFunc(r.said["CISCO_DEF_DOMAIN"], apart)
	for i, s := range append(search, strings.FieldsFunc(r.said["CISCO_SPLIT_DNS"], apart)...) {
		d := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(s, "*"), "."), "."))
		switch {
		case !protocol.Domain(d) || slices.Contains(v.Domains, d):
		case len(v.Domains) == protocol.MaxVPNDomains || len(d) > room:
			r.left(d)
		default:
			v.Domains, room = append(v.Domains, d), room-len(d)
			if i < len(search) {
				v.Search = append(v.Search, d)
			}
		}
	}
	full4, full6 := v.Full()
	v.AllNames = full4 || full6 || len(v.Domains) == 0
	return nil
}
