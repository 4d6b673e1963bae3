package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// routes say who is asked for which names. They do not change.
type routes struct {
	to       []Upstream
	byDomain map[string]*group
	rest     *group // of names that are below no domain; nil: nobody
	devices  map[string]*device
}

// group are those who are asked for the names of one domain.
type group struct {
	targets []*target
	first   atomic.Int32 // of targets: who answered last
}

// target is a server by way of an adapter, and our sockets towards it. The
// forwarder's lock guards it.
type target struct {
	server  netip.AddrPort
	device  *device // nil: none, sockets are not bound
	sockets [spread]*socket
}

// device is an adapter that sockets are bound to. The forwarder's lock guards it.
type device struct {
	name  string
	loose time.Time   // until when sockets are not bound, because they could not be
	told  atomic.Bool // that they could not be; the lock does not guard it
}

// newRoutes are the routes to these. What was told of a device is remembered.
func newRoutes(to []Upstream, was *routes) *routes {
	r := &routes{byDomain: map[string]*group{}, devices: map[string]*device{}}
	for _, u := range to {
		u.Servers, u.Domains = slices.Clone(u.Servers), slices.Clone(u.Domains)
		r.to = append(r.to, u)
		if len(u.Servers) == 0 {
			continue
		}
		into := []*group{}
		for _, domain := range u.Domains {
			g := r.byDomain[domain]
			if g == nil {
				g = &group{}
				r.byDomain[domain] = g
			}
			into = append(into, g)
		}
		if len(u.Domains) == 0 {
			if r.rest == nil {
				r.rest = &group{}
			}
			into = append(into, r.rest)
		}
		for _, server := range u.Servers {
			t := &target{server: netip.AddrPortFrom(server.Addr().Unmap(), server.Port())}
			if u.Device != "" && !t.server.Addr().IsLoopback() {
				if r.devices[u.Device] == nil {
					d := &device{name: u.Device}
					if was != nil && was.devices[u.Device] != nil {
						d.told.Store(was.devices[u.Device].told.Load())
					}
					r.devices[u.Device] = d
				}
				t.device = r.devices[u.Device]
			}
			for _, g := range into {
				g.targets = append(g.targets, t)
			}
		}
	}
	return r
}

// equal says whether the routes were made of the same.
func (r *routes) equal(to []Upstream) bool {
	return slices.EqualFunc(r.to, to, func(a, b Upstream) bool {
		return a.Device == b.Device && slices.Equal(a.Servers, b.Servers) && slices.Equal(a.Domains, b.Domains)
	})
}

// of is who is asked for a host: nil is nobody.
func (r *routes) of(host string) *group {
	if len(r.byDomain) > 0 {
		for suffix := host; suffix != ""; _, suffix, _ = strings.Cut(suffix, ".") {
			if g := r.byDomain[suffix]; g != nil {
				return g
			}
		}
	}
	return r.rest
}
