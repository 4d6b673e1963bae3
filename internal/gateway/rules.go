package gateway

import (
	"fmt"
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
		hosts = append(hosts, r.names...)
		for _, d := range r.domains {
			hosts = append(hosts, "*."+d)
		}
		for _, p := range r.prefixes {
			if p.IsSingleIP() {
				hosts = append(hosts, p.Addr().String())
			} else {
				hosts = append(hosts, p.String())
			}
		}
		for _, a := range r.found {
			hosts = append(hosts, a.String())
		}
		slices.Sort(hosts)
		for _, h := range slices.Compact(hosts) {
			out = append(out, strings.NewReplacer("[", "", "]", "").Replace(fmt.Sprint(r.effect, " ", r.protocol, " ", h, " ", r.ports)))
		}
	}
	return out
}
