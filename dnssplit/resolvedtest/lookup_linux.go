package resolvedtest

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Found is what a lookup has come to.
type Found struct {
	Rcode string // NOERROR, NXDOMAIN, SERVFAIL
	Addrs []netip.Addr
	Took  time.Duration
}

// Lookup asks systemd-resolved for a name's A records, as programs do that read
// /etc/resolv.conf.
func (s *System) Lookup(name string) (Found, error) {
	return s.Ask(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), Patience)
}

// Ask asks systemd-resolved a question, once, by UDP.
func (s *System) Ask(m *dns.Msg, within time.Duration) (Found, error) {
	var r *dns.Msg
	began := time.Now()
	err := s.Space.Do(func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		r, _, err = (&dns.Client{Timeout: within}).ExchangeContext(ctx, m, Stub.String())
		return err
	})
	if err != nil {
		return Found{}, fmt.Errorf("look up %s: %w", m.Question[0].Name, err)
	}
	f := Found{Rcode: dns.RcodeToString[r.Rcode], Took: time.Since(began)}
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.A); ok {
			if addr, ok := netip.AddrFromSlice(a.A.To4()); ok {
				f.Addrs = append(f.Addrs, addr)
			}
		}
	}
	return f, nil
}
