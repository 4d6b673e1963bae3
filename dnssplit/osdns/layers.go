package osdns

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

// overlay is what a classic VPN wants of resolv.conf: the layer above that of the
// physical network, and below ours.
type overlay struct {
	// Text is the file as it would be without us; with Buried, somebody has
	// overwritten it since, and it only says who is asked for the VPN's names.
	Text    []byte       `json:"text"`
	Buried  bool         `json:"buried,omitempty"`
	Program string       `json:"program,omitempty"`
	Servers []netip.Addr `json:"servers"`
	Domains []string     `json:"domains,omitempty"`
	// It has gone when its link has, or the backup that its program keeps for as
	// long, or with the boot.
	Link   string `json:"link,omitempty"`
	Backup string `json:"backup,omitempty"`
	Boot   string `json:"boot,omitempty"`
}

// known is what the physical network's file said while there was no tunnel.
type known struct {
	Network string       `json:"network,omitempty"`
	Servers []netip.Addr `json:"servers,omitempty"`
	Search  []string     `json:"search,omitempty"`
}

// layers are what the writers of resolv.conf want, each for itself.
type layers struct {
	// Physical is what is to stand there without a VPN and without us; nil: no
	// file. Unseen: a VPN was there before us, and nothing says what was before it.
	Physical *content `json:"-"` // it is the journal's Was
	Unseen   bool     `json:"unseen,omitempty"`
	VPN      *overlay `json:"vpn,omitempty"`
	Known    known    `json:"known"`
	// Seen is what stood in the file when VPN was taken from it, where it had lines
	// of ours.
	Seen []byte `json:"seen,omitempty"`
	// Left are the texts of VPNs that were there before VPN, until the file has nothing
	// of them.
	Left [][]byte `json:"left,omitempty"`
	// Going: we are being taken back.
	Going bool `json:"going,omitempty"`
	// Own is the layer of a VPN that we connect, above all others'; nil: there is none.
	Own *VPN `json:"own,omitempty"`
	// Past are those before, until the file has nothing of them.
	Past []*VPN `json:"past,omitempty"`
	// Server is what is put into our layer, the topmost; the zero one: it is not there.
	Server netip.Addr `json:"server"`
	// Adapter was the physical one.
	Adapter Adapter `json:"adapter"`
}

// base is what is to stand there without us.
func (l *layers) base() *content {
	if l.VPN == nil || l.VPN.Buried {
		return l.Physical
	}
	c := content{Perm: 0o644}
	if l.Physical != nil {
		c = *l.Physical
	}
	c.Link, c.Text = "", l.VPN.Text
	return &c
}

// below is base's text.
func (l *layers) below() []byte {
	if c := l.base(); c != nil {
		return c.Text
	}
	return nil
}

// text is the physical layer's.
func (l *layers) text() []byte {
	if l.Physical == nil {
		return nil
	}
	return l.Physical.Text
}

// knows says whether what is below ours in the file is no news: it is one of the
// layers, or that of a VPN before, which its successor's program has put back.
func (l *layers) knows(base []byte) bool {
	return bytes.Equal(base, l.text()) || l.VPN != nil && bytes.Equal(base, l.VPN.Text) || !l.Unseen && writer(base) == vpncScript
}

// putBack says whether what is below ours in the file says that the VPN has gone,
// as its program has put back what it found. One that is alive by what its program
// keeps has not.
func (l *layers) putBack(base []byte) bool {
	return l.VPN != nil && !l.VPN.Buried && l.VPN.Backup == "" && !l.Unseen && bytes.Equal(base, l.text()) && !bytes.Equal(base, l.VPN.Text)
}

// bare is what would have been written, had we not been there, where text was
// with lines of ours. left are layers of VPNs that have gone, which text may be on
// top of.
func (l *layers) bare(text []byte, left [][]byte) []byte {
	if l.VPN != nil && bytes.Equal(text, l.Seen) {
		return l.VPN.Text
	}
	text = l.strip(text)
	for _, o := range left {
		if instead, ok := madeInstead(text, o, l.text()); ok && !l.Unseen {
			return instead
		}
	}
	return text
}

// world is what the layers are judged by.
type world struct {
	place   place
	adapter Adapter         // the physical one
	links   map[string]bool // all, by name; true: a tunnel
	// egress is the link that an address is reached by.
	egress func(netip.Addr) string
}

// tunnelTo is the tunnel that leads to an address; empty: none does.
func (w world) tunnelTo(a netip.Addr) string {
	if name := w.egress(a); w.links[name] {
		return name
	}
	return ""
}

// alive says whether the VPN is still there; exists is of files.
func (v *overlay) alive(w world, exists func(string) bool) bool {
	if v.Boot != w.place.Boot {
		return false
	}
	if _, ok := w.links[v.Link]; v.Link != "" && !ok {
		return false
	}
	return v.Backup == "" || exists(v.Backup)
}

// overlaid says whether text, which somebody has written, is a VPN's rather than
// the physical network's.
func (l *layers) overlaid(text []byte, w world) bool {
	c := parseConf(text)
	switch {
	case overlays[c.Program]:
		return true
	case claimed(text) || len(c.Servers) == 0:
		return false
	case l.Known.Network != "" && l.Known.Network != w.place.Network: // the network itself is another
		return false
	}
	return w.tunnelTo(c.Servers[0]) != "" && !slices.Contains(l.Known.Servers, c.Servers[0])
}

// successor says whether text, which may be a VPN's only by where its server is, is
// taken for the network's: all that is known is what a VPN has left that has gone,
// and without text that would come back.
func (l *layers) successor(text []byte, gone bool) bool {
	return gone && l.Unseen && !overlays[writer(text)]
}

// over makes a layer of what a VPN has written. backups are those of its program.
func (l *layers) over(text []byte, w world, backups []backup) *overlay {
	c := parseConf(text)
	v := &overlay{Text: text, Program: c.Program, Servers: c.Servers, Boot: w.place.Boot}
	for _, a := range v.Servers {
		if v.Link = w.tunnelTo(a); v.Link != "" {
			break
		}
	}
	v.Domains = l.added(c.Search)
	// Who has put lines before the network's has not written those.
	own := slices.DeleteFunc(slices.Clone(v.Servers), func(a netip.Addr) bool { return slices.Contains(l.Known.Servers, a) })
	if len(own) > 0 {
		v.Servers = own
	}
	if v.Program != vpncScript {
		return v
	}
	for _, b := range backups {
		base := b.text
		if covered(base) {
			base = uncover(base)
		}
		own, ok := madeOf(text, base)
		if !ok && writer(base) == vpncScript {
			own, ok = madeOf(text, l.text()) // it came when another had just gone
		}
		if ok {
			v.Backup, v.Domains = b.path, own
			break
		}
	}
	return v
}

// learn notes what the physical network says, where no tunnel has a part in it.
func (l *layers) learn(w world) {
	if l.VPN == nil && !l.Unseen && !slices.ContainsFunc(parseConf(l.text()).Servers, func(a netip.Addr) bool { return w.tunnelTo(a) != "" }) {
		l.know(w)
	}
}

func (l *layers) know(w world) {
	c := parseConf(l.text())
	l.Known = known{Network: w.place.Network, Servers: c.Servers, Search: c.Search}
}

// alone says whether, when the VPN has gone, its text is all that there is to go
// by: what was before it is not known, as a VPN's program would leave it; or it is
// of another network, and nothing but where its servers are says that it is a
// VPN's at all.
func (l *layers) alone(then, now place) bool {
	return l.Unseen || l.VPN.Program == "" && then.Network != now.Network
}

// told is what the layers come to.
func (l *layers) told(around world, w Want, vpns []Upstream) Told {
	if w.none() {
		return Told{}
	}
	u := l.upstreams(around, w.Strict, slices.Clone(vpns))
	all := u
	if w.Strict {
		all = l.upstreams(around, false, slices.Clone(vpns))
	}
	own, rest := l.Own.upstreams()
	if len(rest) > 0 {
		u = append(slices.DeleteFunc(u, func(u Upstream) bool { return len(u.Domains) == 0 }), rest...)
	}
	return Told{Upstreams: append(own, u...), Competitors: l.competitors(append(own, all...), w.Domains)}
}

// vpns are whom the VPN's layer has asked.
func (l *layers) vpns() []Upstream {
	if l.VPN == nil {
		return nil
	}
	return []Upstream{l.upstream(l.VPN.Servers, l.VPN.Link, l.VPN.Domains)}
}

// upstreams are who is to be asked for names that are not ours: the physical
// network's servers over its adapter, and each VPN's for its own names. A VPN that
// does not say which those are is asked for all that nobody else has. With strict
// only the physical network's are asked.
func (l *layers) upstreams(w world, strict bool, vpns []Upstream) []Upstream {
	var own conf
	if l.Physical != nil && !l.Unseen {
		own = parseConf(l.Physical.Text)
	}
	if len(own.Servers) == 0 && !l.Unseen {
		own.Servers = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})} // resolv.conf(5): the default
	}
	var physical []netip.Addr
	for _, a := range own.Servers {
		link := w.tunnelTo(a)
		if link == "" || l.VPN != nil || !merges[own.Program] || slices.Contains(l.Known.Servers, a) {
			physical = append(physical, a)
			continue
		}
		u := l.upstream([]netip.Addr{a}, link, l.added(own.Search))
		if i := slices.IndexFunc(vpns, func(u Upstream) bool { return u.Device == link }); i >= 0 {
			vpns[i].Servers = append(vpns[i].Servers, u.Servers...)
		} else {
			vpns = append(vpns, u)
		}
	}
	vpns = slices.DeleteFunc(vpns, func(u Upstream) bool { return len(u.Servers) == 0 })
	rest := l.physical(physical, w)
	if strict && len(rest) > 0 {
		return rest
	}
	if i := slices.IndexFunc(vpns, func(u Upstream) bool { return len(u.Domains) == 0 }); i >= 0 {
		rest = vpns[i : i+1 : i+1]
	}
	vpns = slices.DeleteFunc(slices.Clone(vpns), func(u Upstream) bool { return len(u.Domains) == 0 })
	if len(rest) == 0 && len(vpns) > 0 { // nobody else is left
		rest, vpns = []Upstream{vpns[0]}, vpns[1:]
		rest[0].Domains = nil
	}
	return append(vpns, rest...)
}

// added are the names of a search list that the physical network has not.
func (l *layers) added(search []string) []string {
	return slices.DeleteFunc(slices.Clone(search), func(d string) bool { return slices.Contains(l.Known.Search, d) })
}

// upstream leaves our own server out.
func (l *layers) upstream(servers []netip.Addr, device string, domains []string) Upstream {
	u := Upstream{Device: device}
	for _, a := range servers {
		if p := netip.AddrPortFrom(a, 53); a != l.Server && !slices.Contains(u.Servers, p) {
			u.Servers = append(u.Servers, p)
		}
	}
	for _, d := range domains {
		if d = strings.ToLower(strings.Trim(d, ".")); d != "" && !slices.Contains(u.Domains, d) {
			u.Domains = append(u.Domains, d)
		}
	}
	return u
}

// physical are bound to the adapter, but for those that another one leads to, which
// is no tunnel, and for servers on this machine: where the first is here, so are
// all that count.
func (l *layers) physical(servers []netip.Addr, w world) []Upstream {
	here := func(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() || w.egress(a) == "lo" }
	servers = slices.DeleteFunc(slices.Clone(servers), func(a netip.Addr) bool { return a == l.Server })
	if len(servers) == 0 {
		return nil
	}
	if here(servers[0]) {
		return []Upstream{l.upstream(slices.DeleteFunc(servers, func(a netip.Addr) bool { return !here(a) }), "", nil)}
	}
	var all []Upstream
	for _, a := range slices.DeleteFunc(servers, here) {
		device := w.adapter.Name
		if name := w.egress(a); name != "" {
			if tunnel, known := w.links[name]; known && !tunnel {
				device = name
			}
		}
		if n := len(all); n > 0 && all[n-1].Device == device {
			p := netip.AddrPortFrom(a, 53)
			if !slices.Contains(all[n-1].Servers, p) {
				all[n-1].Servers = append(all[n-1].Servers, p)
			}
			continue
		}
		all = append(all, l.upstream([]netip.Addr{a}, device, nil))
	}
	return all
}

// competitors are those of the upstreams whose names have to do with ours. We are
// asked first.
func (l *layers) competitors(upstreams []Upstream, domains []string) []Competitor {
	var all []Competitor
	for _, u := range upstreams {
		for _, d := range u.Domains {
			if !slices.ContainsFunc(domains, func(o string) bool { return o == d || strings.HasSuffix(o, "."+d) || strings.HasSuffix(d, "."+o) }) {
				continue
			}
			c := Competitor{Link: u.Device, Domain: d}
			if l.VPN != nil && u.Device == l.VPN.Link {
				c.Program = l.VPN.Program
			}
			all = append(all, c)
		}
	}
	return all
}
