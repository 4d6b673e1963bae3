package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/resource"
	"github.com/tidegate/tidegate/internal/wire"
)

type actionSpec struct {
	Effect   wire.Effect   `yaml:"effect" jsonschema:"enum=allow,enum=block,enum=alert,enum=exclude" jsonschema_description:"allow, which is the default; block, whatever allows it; alert, which blocks and raises the user's risk; or exclude from what this entitlement allows."`
	Protocol wire.Protocol `yaml:"protocol" jsonschema:"enum=tcp,enum=udp,enum=icmp" jsonschema_description:"tcp, which is the default, udp or icmp."`
	Hosts    []string      `yaml:"hosts" jsonschema:"pattern=^([^*]*|[*][.][a-z0-9_-]+([.][a-z0-9_-]+)+)$" jsonschema_description:"Names, *.DOMAIN for all names below a domain, addresses, CIDRs, dns://NAME for the present addresses of a name, srv://_service._tcp.NAME for the hosts of a service."`
	Ports    []uint16      `yaml:"ports" jsonschema:"minimum=1,maximum=65535" jsonschema_description:"The ports; none for icmp."`
	Script   string        `yaml:"script" jsonschema_description:"The EntitlementScript that yields further hosts."`
	// HoldEarly is wire.Action's.
	HoldEarly bool `yaml:"holdEarly" jsonschema_description:"Have payload that a client sent before its handshake was complete, which might be a replay, wait until it is. It costs a round trip when a channel is resumed."`
}

func (l *loader) action(d *resource.Document, i int, s actionSpec) wire.Action {
	at := func(path ...any) resource.Place { return d.At(append([]any{"actions", i}, path...)...) }
	a := wire.Action{Effect: s.Effect, Protocol: s.Protocol, Hosts: s.Hosts, Ports: s.Ports, Script: s.Script, HoldEarly: s.HoldEarly}
	if !d.Has("actions", i, "effect") {
		a.Effect = wire.EffectAllow
	}
	if !d.Has("actions", i, "protocol") {
		a.Protocol = wire.TCP
	}
	switch a.Effect {
	case wire.EffectAllow, wire.EffectBlock, wire.EffectAlert, wire.EffectExclude:
	default:
		l.errs.Add(at("effect").Errorf("unknown effect %q; write allow, block, alert or exclude", a.Effect))
	}
	if a.HoldEarly && a.Effect != wire.EffectAllow {
		l.errs.Add(at("holdEarly").Errorf("nothing is held where nothing passes; write holdEarly beside effect: allow, or remove it"))
	}
	switch a.Protocol {
	case wire.TCP, wire.UDP:
		if len(a.Ports) == 0 {
			l.errs.Add(at("ports").Errorf("the action names no ports; write for example ports: [443]"))
		}
	case wire.ICMP:
		if len(a.Ports) > 0 {
			l.errs.Add(at("ports").Errorf("icmp has no ports; remove them"))
		}
	default:
		l.errs.Add(at("protocol").Errorf("unknown protocol %q; write tcp, udp or icmp", a.Protocol))
	}
	if d.Has("actions", i, "script") {
		l.refer(d, "EntitlementScript", a.Script, "actions", i, "script")
	} else if len(a.Hosts) == 0 {
		l.errs.Add(at("hosts").Errorf("the action names no hosts; write names, addresses or CIDRs, or script: with the name of an EntitlementScript"))
	}
	for j, h := range a.Hosts {
		if wrong := checkTarget(h, a.Protocol); wrong != "" {
			l.errs.Add(at("hosts", j).Errorf("%q is not a host: %s", h, wrong))
		}
	}
	for j, p := range a.Ports {
		if p == 0 {
			l.errs.Add(at("ports", j).Errorf("0 is not a port; write 1 to 65535"))
		}
	}
	return a
}

// certainty is how sure it is that something is so.
type certainty int

const (
	never certainty = iota
	perhaps
	always
)

// meets says whether an action is about a TCP destination. What a resolver or
// a script yields is not known here.
func meets(a wire.Action, host string, port uint16) certainty {
	if a.Protocol != wire.TCP || !slices.Contains(a.Ports, port) {
		return never
	}
	best := never
	if a.Script != "" {
		best = perhaps
	}
	addr, err := netip.ParseAddr(host)
	for _, h := range a.Hosts {
		if domain, werr := wire.Wildcard(h); werr == nil && wire.Below(host, domain) {
			return always
		}
		p, perr := netip.ParsePrefix(h)
		switch {
		case h == host, err == nil && perr == nil && p.Contains(addr):
			return always
		case strings.HasPrefix(h, "dns://") && err == nil, strings.HasPrefix(h, "srv://"):
			best = perhaps
		}
	}
	return best
}
