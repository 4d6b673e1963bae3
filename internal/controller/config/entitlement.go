package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

func (l *loader) entitlement(d *resource.Document) {
	s := entitlementSpec{Title: d.Name}
	l.errs.Add(d.Decode(&s))
	l.refer(d, "Site", s.Site, "site")
	e := &Entitlement{Site: wire.SiteID(s.Site), Entitlement: wire.Entitlement{ID: wire.EntitlementID(d.Name), Name: s.Title}}
	if len(s.Actions) == 0 {
		l.errs.Add(d.At("actions").Errorf("the entitlement allows nothing; write actions, for example - {hosts: [wiki.example.com], ports: [443]}"))
	}
	for i, a := range s.Actions {
		e.Actions = append(e.Actions, l.action(d, i, a))
	}
	for i, name := range s.Conditions {
		if l.refer(d, "Condition", name, "conditions", i) && l.conf.Conditions[wire.ConditionID(name)] != nil {
			e.Conditions = append(e.Conditions, l.conf.Conditions[wire.ConditionID(name)].Condition)
		}
	}
	for i, sc := range s.Shortcuts {
		e.Shortcuts = append(e.Shortcuts, l.shortcut(d, i, sc, e.Actions))
	}
	l.conf.Entitlements[e.ID] = e
}

func (l *loader) action(d *resource.Document, i int, a wire.Action) wire.Action {
	if !d.Has("actions", i, "effect") {
		a.Effect = "allow"
	}
	if !d.Has("actions", i, "protocol") {
		a.Protocol = "tcp"
	}
	if a.Effect != "allow" {
		l.errs.Add(d.At("actions", i, "effect").Errorf("unknown effect %q; write allow, which is the only one", a.Effect))
	}
	if a.Protocol != "tcp" {
		l.errs.Add(d.At("actions", i, "protocol").Errorf("protocol %q is not carried by this version; write tcp", a.Protocol))
	}
	if len(a.Hosts) == 0 {
		l.errs.Add(d.At("actions", i, "hosts").Errorf("the action names no hosts; write names, addresses or CIDRs"))
	}
	if len(a.Ports) == 0 {
		l.errs.Add(d.At("actions", i, "ports").Errorf("the action names no ports; write for example ports: [443]"))
	}
	for j, h := range a.Hosts {
		if wrong := checkHost(h); wrong != "" {
			l.errs.Add(d.At("actions", i, "hosts", j).Errorf("%q is not a host: %s", h, wrong))
		}
	}
	for j, p := range a.Ports {
		if p == 0 {
			l.errs.Add(d.At("actions", i, "ports", j).Errorf("0 is not a port; write 1 to 65535"))
		}
	}
	return a
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

// ports are what a link of a scheme reaches where it names no port.
var ports = map[string]uint16{"http": 80, "https": 443, "ssh": 22, "tcp": 0}

func (l *loader) shortcut(d *resource.Document, i int, s shortcutSpec, actions []wire.Action) wire.Shortcut {
	at := func(key string) resource.Place { return d.At("shortcuts", i, key) }
	sc := wire.Shortcut{ID: wire.AppID(s.ID), Name: s.Name, Description: s.Description, Group: s.Group, Color: s.Color, Icon: s.Icon, Link: s.Link}
	if err := wire.CheckID(s.ID); err != nil {
		l.errs.Add(at("id").Errorf("a shortcut's id: %v", err))
	} else if first, dup := l.apps[sc.ID]; dup {
		l.errs.Add(at("id").Errorf("the shortcut %q exists already, at %s; give this one another id", s.ID, first))
	} else {
		l.apps[sc.ID] = at("id")
	}
	if sc.Name == "" {
		sc.Name = s.ID
	}
	if s.Color < 0 || s.Color > 20 {
		l.errs.Add(at("color").Errorf("color %d is not one of 1 to 20; write one of them, or none", s.Color))
	}
	host, port, wrong := splitLink(s.Link)
	if wrong != "" {
		l.errs.Add(at("link").Errorf("the link %q: %s", s.Link, wrong))
	} else if len(actions) > 0 && !slices.ContainsFunc(actions, func(a wire.Action) bool { return opens(a, host, port) }) {
		l.errs.Add(at("link").Errorf("no action of this entitlement opens %s port %d, so the link %q would be refused; add it to hosts and ports", host, port, s.Link))
	}
	return sc
}

// splitLink reads the link of a shortcut and says what is wrong with it.
func splitLink(link string) (host string, port uint16, wrong string) {
	const example = "; write for example https://wiki.example.com or tcp://db.example.com:5432"
	u, err := url.Parse(link)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return "", 0, "is not a link" + example
	}
	port, known := ports[u.Scheme]
	if !known {
		return "", 0, "the scheme " + strconv.Quote(u.Scheme) + " is not offered; write http, https, ssh or tcp"
	}
	if u.User != nil {
		return "", 0, "must not hold a user or password; remove what stands before @"
	}
	if checkHost(u.Hostname()) != "" || strings.Contains(u.Hostname(), "/") {
		return "", 0, strconv.Quote(u.Hostname()) + " is not a host" + example
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, strconv.Quote(p) + " is not a port" + example
		}
		port = uint16(n)
	}
	if port == 0 {
		return "", 0, "the port is missing" + example
	}
	return u.Hostname(), port, ""
}

// opens says whether an action opens a destination.
func opens(a wire.Action, host string, port uint16) bool {
	if !slices.Contains(a.Ports, port) {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return slices.ContainsFunc(a.Hosts, func(h string) bool {
		if h == host {
			return true
		}
		p, perr := netip.ParsePrefix(h)
		return err == nil && perr == nil && p.Contains(addr)
	})
}
