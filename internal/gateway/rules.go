package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// rules are an entitlement's actions.
type rules []rule

func compileRules(actions []wire.Action, from sources) rules {
	rs := make(rules, 0, len(actions))
	for _, a := range actions {
		rs = append(rs, compileRule(a, from))
	}
	return rs
}

// any says whether a rule of one of the effects covers the target.
func (rs rules) any(t target, effects ...wire.Effect) bool {
	return slices.ContainsFunc(rs, func(r rule) bool { return slices.Contains(effects, r.effect) && r.covers(t) })
}

// allows says whether the rules allow the target, for what they exclude.
func (rs rules) allows(t target) bool {
	return rs.any(t, wire.EffectAllow) && !rs.excludes(t)
}

// blocks says whether the rules refuse the target, whatever allows it.
func (rs rules) blocks(t target) bool { return rs.any(t, wire.EffectBlock, wire.EffectAlert) }

// alerts says whether trying the target is to raise an alert: only where it is
// known that an alert action means it.
func (rs rules) alerts(t target) bool {
	return slices.ContainsFunc(rs, func(r rule) bool { return r.effect == wire.EffectAlert && r.concerns(t) && r.means(t) })
}

// excludes says whether the rules take the target out of what they allow.
func (rs rules) excludes(t target) bool { return rs.any(t, wire.EffectExclude) }

func (rs rules) literal(t target) bool {
	return slices.ContainsFunc(rs, func(r rule) bool { return r.effect == wire.EffectAllow && r.literal(t) })
}

// pending says whether it is not known yet what the rules say of the target.
func (rs rules) pending(t target) bool {
	return slices.ContainsFunc(rs, func(r rule) bool { return (r.pending || r.placing && t.address()) && r.concerns(t) })
}

// scripted says whether a script may name the target.
func (rs rules) scripted(t target) bool {
	return slices.ContainsFunc(rs, func(r rule) bool { return r.script != "" && r.concerns(t) })
}

// scripts are the names of the scripts that the rules take hosts from.
func (rs rules) scripts() []string {
	var out []string
	for _, r := range rs {
		if r.script != "" && !slices.Contains(out, r.script) {
			out = append(out, r.script)
		}
	}
	return out
}

// list is what the rules name, for the record: "allow tcp app.corp 80 443".
func (rs rules) list() []string {
	var out []string
	for _, r := range rs {
		var hosts []string
		hosts = slices.AppendSeq(hosts, maps.Keys(r.names))
		for _, p := range r.prefixes {
			if p.IsSingleIP() {
				hosts = append(hosts, p.Addr().String())
			} else {
				hosts = append(hosts, p.String())
			}
		}
		for a := range r.found {
			hosts = append(hosts, a.String())
		}
		slices.Sort(hosts)
		for _, h := range slices.Compact(hosts) {
			out = append(out, strings.NewReplacer("[", "", "]", "").Replace(fmt.Sprint(r.effect, " ", r.protocol, " ", h, " ", r.ports)))
		}
	}
	return out
}
