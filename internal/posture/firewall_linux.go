package posture

import (
	"context"
	"slices"
	"strings"
)

// firewallFiles are what firewall reads, or what comes and goes with what it
// reads.
var firewallFiles = []string{
	"/etc/ufw/ufw.conf", "/etc/nftables.conf", "/etc/firewalld", "/run/firewalld.pid",
	unit("firewalld"), unit("nftables"), unit("netfilter-persistent"), unit("iptables"), unit("ip6tables"),
}

// unit is the link that systemd keeps while a service is active, for journald
// and for anybody to see.
func unit(name string) string { return "/run/systemd/units/invocation:" + name + ".service" }

// firewall says whether something filters what comes in or passes through. Who
// may read the kernel's rules goes by those. For anybody else the known
// managers speak: ufw's own switch, whether firewalld runs, and what
// nftables.service has loaded, if its file can be read. Unknown where none of
// them is installed, and where another has loaded rules that cannot be read.
func (m machine) firewall(context.Context) (on, known bool) {
	chains, err := m.rules()
	filters := slices.ContainsFunc(chains, chain.filters)
	if err == nil && (filters || !m.legacy()) {
		return filters, true
	}
	ufw, installed := m.ufw()
	firewalld := m.exists("run/firewalld.pid") || m.active("firewalld")
	if ufw || firewalld {
		return true, true
	}
	if err == nil {
		return false, false // the rules of old decide
	}
	if m.active("netfilter-persistent") || m.active("iptables") || m.active("ip6tables") {
		return false, false
	}
	if m.active("nftables") {
		text, err := readSmall(m.root, "etc/nftables.conf")
		if err != nil {
			return false, false
		}
		filters, whole := parseRuleset(string(text))
		return filters, filters || whole
	}
	return false, installed || m.exists("etc/firewalld") || m.exists("etc/nftables.conf")
}

// active says whether a service of systemd is.
func (m machine) active(service string) bool { return m.exists(inRoot(unit(service))) }

// ufw says whether ufw is switched on.
func (m machine) ufw() (on, installed bool) {
	text, err := readSmall(m.root, "etc/ufw/ufw.conf")
	return err == nil && parseUFW(string(text)), err == nil
}

// parseUFW reads ufw.conf.
func parseUFW(text string) (on bool) {
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(line, "=")
		if strings.EqualFold(strings.TrimSpace(k), "enabled") {
			on = strings.EqualFold(strings.Trim(strings.TrimSpace(v), `"'`), "yes")
		}
	}
	return on
}

// legacy says whether the kernel has rules of the time before nftables, which
// are not read here.
func (m machine) legacy() bool {
	return strings.Contains(m.line("proc/net/ip_tables_names")+m.line("proc/net/ip6_tables_names"), "filter")
}

// parseRuleset says whether a file of nft(8) has a chain that filters, and
// whether it is the whole: one that includes others may not be.
func parseRuleset(text string) (filters, whole bool) {
	whole = true
	var hooked, ruled bool // the chain that is being read
	for _, s := range statements(text) {
		switch f := strings.Fields(s); {
		case len(f) == 0:
		case f[0] == "include" || f[0] == "add" || f[0] == "insert" || f[0] == "create":
			whole = false
		case f[0] == "chain" || f[0] == "}":
			filters = filters || hooked && ruled
			hooked, ruled = false, false
		case len(f) > 3 && f[0] == "type" && f[2] == "hook":
			hooked = f[1] == "filter" && (f[3] == "input" || f[3] == "forward")
		case f[0] == "policy":
			ruled = ruled || len(f) > 1 && f[1] == "drop"
		case f[0] != "comment":
			ruled = true
		}
	}
	return filters, whole
}

// statements parts a file of nft(8); what opens or closes a block is one.
func statements(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		line = strings.NewReplacer("{", ";", "}", ";};").Replace(line)
		for s := range strings.SplitSeq(line, ";") {
			all = append(all, strings.TrimSpace(s))
		}
	}
	return all
}
