package dnssplit

import (
	"net/netip"
	"os"
	"strings"
)

// written are the addresses that a hosts file has for a name.
func written(path, host string) (all []netip.Addr, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			if plain(name) == host {
				all, ok = append(all, a), true
				break
			}
		}
	}
	return all, ok
}
