package gateway

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// scriptTransport carries the requests of a script: without a proxy, and never
// to this machine, the link, the cloud's metadata or the controller, unless the
// allow-list names that very address or the hosts map leads there.
func (d *dialer) scriptTransport(allow []string) http.RoundTripper {
	var literal []netip.Addr
	for _, a := range allow {
		if u, err := url.Parse(a); err == nil {
			if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
				literal = append(literal, ip.Unmap())
			}
		}
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			t, err := parseTarget(address)
			if err != nil {
				return nil, err
			}
			c, _, err := d.open(ctx, t, t.name == "" && slices.Contains(literal, t.addr), func(target) bool { return false })
			return c, err
		},
		DisableKeepAlives:      true, // the next run is minutes away
		MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout:    10 * time.Second,
	}
}
