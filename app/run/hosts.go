package run

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Names are the applications' hosts, with the addresses that stand for them, of
// IPv4 and IPv6.
type Names map[string][2]netip.Addr

// hosts is the system's hosts file with our names instead of what it says of
// them.
func hosts(system string, names Names, ipv6 bool) string {
	var b strings.Builder
	for line := range strings.Lines(system) {
		text, _, _ := strings.Cut(line, "#")
		fields := strings.Fields(text)
		if len(fields) < 2 {
			continue
		}
		kept := slices.DeleteFunc(fields[1:], func(name string) bool {
			_, ours := names[strings.ToLower(strings.TrimSuffix(name, "."))]
			return ours
		})
		if len(kept) > 0 {
			b.WriteString(fields[0] + "\t" + strings.Join(kept, " ") + "\n")
		}
	}
	b.WriteString("# Tidegate: the applications\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, a := range names[name] {
			if a.Is4() || a.Is6() && ipv6 {
				b.WriteString(a.String() + "\t" + name + "\n")
			}
		}
	}
	return b.String()
}

// resolver is the resolv.conf: the tray process answers there, for names that came
// later and those below a domain, and says of all others that there are none. So
// does whoever does not answer at all, where it is of another version: nothing is
// told to any network.
func resolver(server netip.Addr) string {
	if !server.IsValid() {
		server = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return "# Tidegate: the names of the applications are in /etc/hosts, or known here; others there are none.\n" +
		"nameserver " + server.String() + "\noptions timeout:2 attempts:2\n"
}

// nsswitch is the system's nsswitch.conf with hosts looked up in the file and by
// resolv.conf alone: other sources ask daemons that are outside and would ask the
// local network.
func nsswitch(system string) string {
	var b strings.Builder
	for line := range strings.Lines(system) {
		if name, _, ok := strings.Cut(line, ":"); !ok || strings.TrimSpace(name) != "hosts" {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String() + "hosts: files dns\n"
}
