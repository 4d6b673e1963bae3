package osdns

import (
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
	// Server is what is put into our layer.
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
	case c.Program != "" || len(c.Servers) == 0:
		return false
	case l.Known.Network != "" && l.Known.Network != w.place.Network: // the network itself is another
		return false
	}
	return w.tunnelTo(c.Servers[0]) != "" && !slices.Contains(l.Known.Servers, c.Servers[0])
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
	for _, d := range c.Search {
		if !slices.Contains(l.Known.Search, d) {
			v.Domains = append(v.Domains, d)
		}
	}
	if v.Program != vpncScript {
		return v
	}
	for _, b := range backups {
		base := b.text
		if covered(base) {
			base = uncover(base)
		}
		if own, ok := madeOf(text, base); ok {
			v.Backup, v.Domains = b.path, own
			break
		}
	}
	return v
}

// learn notes what the physical network says, where no tunnel has a part in it.
func (l *layers) learn(w world) {
	if l.VPN != nil || l.Unseen {
		return
	}
	k := known{Network: w.place.Network}
	if l.Physical != nil {
		c := parseConf(l.Physical.Text)
		k.Servers, k.Search = c.Servers, c.Search
	}
	if !slices.ContainsFunc(k.Servers, func(a netip.Addr) bool { return w.tunnelTo(a) != "" }) {
		l.Known = k
	}
}

// upstreams are who is to be asked for names that are not ours: the physical
// network's servers over its adapter, and each VPN's for its own names. A VPN that
// does not say which those are is asked for all that nobody else has. With strict
// only the physical network's are asked.
func (l *layers) upstreams(w world, strict bool) []Upstream {
	var vpns []Upstream
	if v := l.VPN; v != nil {
		if u := l.upstream(v.Servers, v.Link, v.Domains); len(u.Servers) > 0 {
			vpns = append(vpns, u)
		}
	}
	var own []netip.Addr
	var search []string
	if l.Physical != nil && !l.Unseen {
		c := parseConf(l.Physical.Text)
		own, search = c.Servers, c.Search
	}
	if len(own) == 0 && !l.Unseen {
		own = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})} // resolv.conf(5): the default
	}
	search = slices.DeleteFunc(slices.Clone(search), func(d string) bool { return slices.Contains(l.Known.Search, d) })
	var physical []netip.Addr
	for _, a := range own {
		link := w.tunnelTo(a)
		if link == "" || slices.Contains(l.Known.Servers, a) {
			physical = append(physical, a)
			continue
		}
		// Of a program that writes one file for all networks, as NetworkManager does.
		if i := slices.IndexFunc(vpns, func(u Upstream) bool { return u.Device == link }); i >= 0 {
			if p := netip.AddrPortFrom(a, 53); a != l.Server && !slices.Contains(vpns[i].Servers, p) {
				vpns[i].Servers = append(vpns[i].Servers, p)
			}
		} else {
			vpns = append(vpns, l.upstream([]netip.Addr{a}, link, search))
		}
	}
	rest := l.physical(physical, w.adapter.Name)
	switch {
	case strict && len(rest.Servers) > 0:
		return []Upstream{rest}
	case len(rest.Servers) == 0:
		for i := range vpns {
			vpns[i].Domains = nil
		}
		return vpns[:min(1, len(vpns))]
	}
	for i, u := range vpns {
		if len(u.Domains) == 0 {
			vpns = append(slices.Delete(vpns, i, i+1), u)
			return slices.DeleteFunc(vpns, func(o Upstream) bool { return len(o.Domains) == 0 && o.Device != u.Device })
		}
	}
	return append(vpns, rest)
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

// physical is bound to the adapter, but for servers on this machine: where the
// first is here, so are all that count.
func (l *layers) physical(servers []netip.Addr, device string) Upstream {
	here := func(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }
	servers = slices.DeleteFunc(slices.Clone(servers), func(a netip.Addr) bool { return a == l.Server })
	if len(servers) == 0 {
		return Upstream{}
	}
	if local := here(servers[0]); local {
		device = ""
		servers = slices.DeleteFunc(servers, func(a netip.Addr) bool { return !here(a) })
	} else {
		servers = slices.DeleteFunc(servers, here)
	}
	return l.upstream(servers, device, nil)
}

// competitors are the VPN's names that have to do with ours. We are asked first.
func (l *layers) competitors(w world, domains []string) []Competitor {
	var all []Competitor
	for _, u := range l.upstreams(w, false) {
		for _, d := range u.Domains {
			if slices.ContainsFunc(domains, func(o string) bool { return o == d || strings.HasSuffix(o, "."+d) || strings.HasSuffix(d, "."+o) }) {
				c := Competitor{Link: u.Device, Domain: d}
				if l.VPN != nil && u.Device == l.VPN.Link {
					c.Program = l.VPN.Program
				}
				all = append(all, c)
			}
		}
	}
	return all
}
