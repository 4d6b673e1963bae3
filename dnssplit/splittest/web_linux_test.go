package splittest

import (
	"fmt"
	"net/http"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/tidegate/tidegate/dnssplit/resolvedtest"
)

// site is a web site that says where it is and by which name it was reached.
func site(where string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<html><body>%s at %s</body></html>", r.Host, where)
	})
}

// sites serves a web site behind an address of ours, which is on the machine
// here, and one of the network's.
func (m *machine) sites(own, foreign string) {
	m.t.Helper()
	resolvedtest.ServeWeb(m.t, resolvedtest.Hear(m.t, m.Space, netip.AddrPortFrom(m.first.Names[own][0], 80)), site("ours"))
	resolvedtest.ServeWeb(m.t, resolvedtest.Hear(m.t, m.Physical.Space, netip.AddrPortFrom(address(foreign), 80)), site("the network"))
}

// doh is a public resolver, which knows no names of ours, as none does.
func (m *machine) doh() *resolvedtest.DoH {
	m.t.Helper()
	const name = "doh.test"
	return resolvedtest.ServeDoH(m.t, m.Physical.Space, name, address(name), func(q *dns.Msg) *dns.Msg {
		a := m.network.reply(q)
		if ours(canonical(q.Question[0].Name)) {
			a.Answer, a.Rcode = nil, dns.RcodeNameError
		}
		return a
	})
}
