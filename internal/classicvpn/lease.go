package classicvpn

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tidegate/tidegate/internal/classicvpn/hook"
	"github.com/tidegate/tidegate/internal/helper/protocol"
	"github.com/tidegate/tidegate/session"
)

const (
	// absent is how long a helper may be away. It keeps what one before has left for 10
	// seconds from its start.
	absent = 30 * time.Second
	// knock is how often it is looked whether it is there, or there again.
	knock = 250 * time.Millisecond
)

// reopen has a helper that was away know of us again, with the device and all that
// was applied. r may be nil: then nobody has attached to the device.
func (a *attempt) reopen(r running) error {
	a.v.o.Log.Warn("the helper has gone; a VPN waits for it")
	a.lease.Close()
	for end := time.Now().Add(absent); ; {
		if err := a.wait(knock, r); err != nil {
			return err
		}
		l, err := a.v.outside.open(a.ctx)
		if err == nil {
			a.lease = l
			return a.resume(r)
		}
		if a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		var refusal *protocol.Refusal
		if errors.As(err, &refusal) && refusal.Code == protocol.Outside {
			return err
		}
		if time.Now().After(end) {
			if refusal != nil {
				return refusal
			}
			return errNoHelper
		}
	}
}

// resume has the device of a new lease be what that of the old one was.
func (a *attempt) resume(r running) error {
	if r == nil {
		return nil
	}
	d, err := a.v.outside.device(a.lease.Device())
	if err != nil {
		return err
	}
	if d.index != a.index { // openconnect is attached to one that is no more
		return failing(session.VPNFailed, "the VPN's network device has been removed")
	}
	if a.vpn == nil {
		return nil
	}
	told, err := a.apply(a.vpn, r)
	if err != nil {
		return err
	}
	a.tell(a.told(told))
	return nil
}

// letGo ends the lease, and with it the device.
func (a *attempt) letGo() {
	if err := a.lease.Close(); err != nil {
		a.v.o.Log.Debug("the helper has ended a VPN before", "error", err)
	}
}

// linkOf is what the tunnel is to be by openconnect's words.
func linkOf(device string, e hook.Event) session.VPNLink {
	l := session.VPNLink{Adapter: device, Addresses: e.Addresses, Server: e.VPN.Server, Servers: e.VPN.Servers, Domains: e.VPN.Domains, AllNames: e.VPN.AllNames}
	l.Full4, l.Full6 = e.VPN.Full()
	for _, p := range e.VPN.Routes {
		if p.Bits() > 0 {
			l.Routes = append(l.Routes, p)
		}
	}
	return l
}

// whys are the helper's codes for what a VPN did not get.
var whys = []struct {
	code protocol.Code
	why  session.VPNLeftWhy
}{
	{protocol.Ours, session.VPNLeftOurs},
	{protocol.Conflict, session.VPNLeftHere},
	{protocol.Outside, session.VPNLeftOutside},
	{protocol.Full, session.VPNLeftFull},
}

// told says what becomes of a connection by what the helper has left out, and others
// have taken away.
func (a *attempt) told(t protocol.VPNTold) func(*owner, *connection) {
	var left []session.VPNLeft
	out := map[string]bool{}
	for _, w := range whys {
		for _, what := range slices.Sorted(slices.Values(t.Left[w.code])) {
			left = append(left, session.VPNLeft{What: what, Why: w.why})
			out[what] = true
		}
	}
	left = append(left, a.full...)
	link := without(a.link, out)
	taken := taken(t.Taken, a.to.ID, a.lease.Device())
	return func(w *owner, c *connection) {
		link.Up, link.Down = c.link.Up, c.link.Down
		c.link, c.left, c.taken, w.dirty = link, left, taken, true
	}
}

// without is a tunnel but for what was left out of it.
func without(l session.VPNLink, out map[string]bool) session.VPNLink {
	l.Full4 = l.Full4 && !out["0.0.0.0/0"] && !out["0.0.0.0/1"] && !out["128.0.0.0/1"]
	l.Full6 = l.Full6 && !out["::/0"] && !out["::/1"] && !out["8000::/1"]
	l.Routes = but(l.Routes, func(p netip.Prefix) bool { return out[p.String()] })
	l.Servers = but(l.Servers, func(a netip.Addr) bool { return out[a.String()] })
	l.Domains = but(l.Domains, func(d string) bool { return out[d] })
	if l.AllNames = l.AllNames && !out["."]; len(l.Servers) == 0 {
		l.Domains, l.AllNames = nil, false
	}
	return l
}

func but[T any](all []T, out func(T) bool) []T { return slices.DeleteFunc(slices.Clone(all), out) }

// taken is what it means that another program takes the VPN's routes away.
func taken(list []protocol.Taken, connection, device string) []session.VPNConflict {
	if len(list) == 0 {
		return nil
	}
	c := session.VPNConflict{Feature: session.VPNRouteMonitoring, Connection: connection, Adapter: device, How: session.VPNServedRoutes}
	t := list[0]
	for _, other := range list { // the worst
		if other.Gone && !t.Gone || other.Gone == t.Gone && other.Times > t.Times {
			t = other
		}
	}
	what := "route"
	if t.Rule {
		what = "rule"
	}
	c.Evidence = fmt.Sprintf("another program has deleted the %s for %s, %d times", what, t.Route, t.Times)
	if t.Gone {
		c.Harm, c.How = session.VPNHarmRoutes, session.VPNServedNot
	}
	return []session.VPNConflict{c}
}
