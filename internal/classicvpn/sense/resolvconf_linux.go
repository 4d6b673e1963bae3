package sense

import (
	"bufio"
	"bytes"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
)

// mostFile is how much is read of resolv.conf.
const mostFile = 64 << 10

// fromFile is what resolv.conf says of lookups that go by these links, where nobody
// else is there to ask: its servers that are reached by one are that one's, and its
// domains are those of the first.
func fromFile(path string, links []link) map[int]names {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostFile))
	if err != nil {
		return nil
	}
	servers, search := parse(b)
	all := map[int]names{}
	for i, s := range servers {
		if s.IsLoopback() {
			continue
		}
		routes, err := netlink.RouteGet(s.AsSlice())
		if err != nil || len(routes) == 0 {
			continue
		}
		for _, l := range links {
			if l.index != routes[0].LinkIndex {
				continue
			}
			n := all[l.index]
			n.servers = append(n.servers, s)
			if i == 0 {
				n.all = true // it is asked for everything
				for _, d := range search {
					n.add(d)
				}
			}
			all[l.index] = n
		}
	}
	return all
}

// parse reads resolv.conf(5): the servers, without zones, and what is searched.
func parse(b []byte) (servers []netip.Addr, search []string) {
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil && a.Zone() == "" && len(servers) < 8 {
				servers = append(servers, a.Unmap())
			}
		case "search", "domain": // the last counts
			search = f[1:]
		}
	}
	return servers, search
}
