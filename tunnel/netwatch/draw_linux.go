package netwatch

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// draw makes a picture of the kernel's messages. What cannot be read is left out.
func draw(links, addresses, routes, rules []syscall.NetlinkMessage, ignore func(string) bool) picture {
	up := map[int]bool{}
	for _, m := range links {
		if index, name, ok := decodeLink(m); ok && !ignore(name) {
			up[index] = true
		}
	}
	var p picture
	for _, m := range addresses {
		if a, ok := decodeAddress(m); ok && up[a.link] {
			p.addresses = append(p.addresses, a)
		}
	}
	lead := map[uint32]bool{unix.RT_TABLE_MAIN: true, unix.RT_TABLE_LOCAL: true, unix.RT_TABLE_DEFAULT: true}
	for _, m := range routes {
		for _, r := range decodeRoute(m) {
			if up[r.link] {
				p.routes, lead[r.table] = append(p.routes, r), true
			}
		}
	}
	for _, m := range rules {
		if r, ok := decodeRule(m, ignore); ok && (r.table == 0 || lead[r.table]) {
			p.rules = append(p.rules, r)
		}
	}
	slices.SortFunc(p.addresses, func(a, b address) int {
		return cmp.Or(cmp.Compare(a.link, b.link), a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	slices.SortFunc(p.routes, func(a, b route) int {
		return cmp.Or(cmp.Compare(a.table, b.table), a.to.Addr().Compare(b.to.Addr()), cmp.Compare(a.to.Bits(), b.to.Bits()), cmp.Compare(a.metric, b.metric),
			cmp.Compare(a.link, b.link), a.gateway.Compare(b.gateway), a.source.Compare(b.source))
	})
	slices.SortFunc(p.rules, func(a, b rule) int { return cmp.Compare(a.all, b.all) })
	return p
}

// kindMask leaves out the flags of an attribute's kind (NLA_TYPE_MASK).
const kindMask = 1<<14 - 1

// attributes are those of a message behind its head (rtnetlink(7)).
func attributes(b []byte) map[uint16][]byte {
	all := map[uint16][]byte{}
	for len(b) >= 4 {
		size, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if size < 4 || size > len(b) {
			break
		}
		all[kind&kindMask] = b[4:size]
		b = b[min(len(b), (size+3)&^3):]
	}
	return all
}

func number(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

// decodeLink reads one that is up, has a carrier and leads somewhere.
func decodeLink(m syscall.NetlinkMessage) (index int, name string, ok bool) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return 0, "", false
	}
	flags := number(m.Data[8:])
	if flags&unix.IFF_UP == 0 || flags&unix.IFF_RUNNING == 0 || flags&unix.IFF_LOOPBACK != 0 {
		return 0, "", false
	}
	b, _, _ := bytes.Cut(attributes(m.Data[unix.SizeofIfInfomsg:])[unix.IFLA_IFNAME], []byte{0})
	return int(int32(number(m.Data[4:]))), string(b), true
}

// decodeAddress reads one that packets may come from: of more than the link, and
// no longer tried for a duplicate.
func decodeAddress(m syscall.NetlinkMessage) (address, bool) {
	if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
		return address{}, false
	}
	all := attributes(m.Data[unix.SizeofIfAddrmsg:])
	flags := uint32(m.Data[2])
	if b, ok := all[unix.IFA_FLAGS]; ok {
		flags = number(b)
	}
	b, ok := all[unix.IFA_LOCAL] // the near end, where there are two
	if !ok {
		b = all[unix.IFA_ADDRESS]
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok || flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 || a.IsLinkLocalUnicast() || a.IsLoopback() {
		return address{}, false
	}
	prefix := netip.PrefixFrom(a, int(m.Data[1]))
	return address{link: int(int32(number(m.Data[4:]))), prefix: prefix}, prefix.IsValid()
}

// unicast says whether a route's message is of one that packets for elsewhere may
// take.
func unicast(data []byte) bool {
	return len(data) >= unix.SizeofRtMsg && data[7] == unix.RTN_UNICAST && number(data[8:])&unix.RTM_F_CLONED == 0 &&
		(data[0] == unix.AF_INET || data[0] == unix.AF_INET6)
}

// decodeRoute reads a route, to more than the link, of each of its next hops.
func decodeRoute(m syscall.NetlinkMessage) []route {
	if m.Header.Type != unix.RTM_NEWROUTE || !unicast(m.Data) {
		return nil
	}
	all := attributes(m.Data[unix.SizeofRtMsg:])
	r := route{table: uint32(m.Data[4]), metric: number(all[unix.RTA_PRIORITY])}
	to, ok := netip.AddrFromSlice(all[unix.RTA_DST])
	if !ok { // a default one
		if to = netip.IPv4Unspecified(); m.Data[0] == unix.AF_INET6 {
			to = netip.IPv6Unspecified()
		}
	}
	if to.IsLinkLocalUnicast() || to.IsMulticast() {
		return nil
	}
	r.to = netip.PrefixFrom(to, int(m.Data[1]))
	r.source, _ = netip.AddrFromSlice(all[unix.RTA_PREFSRC])
	if b, ok := all[unix.RTA_TABLE]; ok {
		r.table = number(b)
	}
	var routes []route
	if b, ok := all[unix.RTA_OIF]; ok && number(m.Data[8:])&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) == 0 {
		r.link, r.gateway = int(int32(number(b))), via(all)
		routes = append(routes, r)
	}
	for b := all[unix.RTA_MULTIPATH]; len(b) >= unix.SizeofRtNexthop; {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			break
		}
		if b[2]&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) == 0 {
			r.link, r.gateway = int(int32(number(b[4:]))), via(attributes(b[unix.SizeofRtNexthop:size]))
			routes = append(routes, r)
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return routes
}

// via is a next hop's address, which may be of the other family.
func via(all map[uint16][]byte) netip.Addr {
	b := all[unix.RTA_GATEWAY]
	if v := all[unix.RTA_VIA]; len(v) > 2 {
		b = v[2:]
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// decodeRule reads a rule, but for one of an interface that does not count.
func decodeRule(m syscall.NetlinkMessage, ignore func(string) bool) (rule, bool) {
	if m.Header.Type != unix.RTM_NEWRULE || len(m.Data) < unix.SizeofRtMsg || m.Data[0] != unix.AF_INET && m.Data[0] != unix.AF_INET6 {
		return rule{}, false
	}
	all := attributes(m.Data[unix.SizeofRtMsg:])
	for _, kind := range []uint16{unix.FRA_IIFNAME, unix.FRA_OIFNAME} {
		if b, ok := all[kind]; ok {
			if name, _, _ := bytes.Cut(b, []byte{0}); ignore(string(name)) {
				return rule{}, false
			}
		}
	}
	r := rule{all: string(m.Data)}
	if m.Data[7] == unix.FR_ACT_TO_TBL {
		if r.table = uint32(m.Data[4]); len(all[unix.FRA_TABLE]) >= 4 {
			r.table = number(all[unix.FRA_TABLE])
		}
	}
	return r, true
}
