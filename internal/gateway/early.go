package gateway

import (
	"context"
	"net/http"
	"slices"

	"github.com/tidegate/tidegate/internal/wire"
)

// holdEarly has a flow wait that came in 0-RTT, where an action of its
// entitlement asks for it, until the handshake is complete: only then it is
// certain that the device itself has sent it now. It is called before the
// application is dialled, so that nothing reaches it sooner; an error is ctx's,
// or that the connection has ended.
func holdEarly(ctx context.Context, r *http.Request, f *flow) error {
	if !early(r) {
		return nil
	}
	hold := true
	if f.session.call(func() { hold = f.entitlement.holds(f.target) }) && !hold {
		return nil
	}
	return secured(ctx, r)
}

// secured waits until the handshake of the request's connection is complete; an
// error is ctx's, or that the connection has ended.
func secured(ctx context.Context, r *http.Request) error {
	select {
	case <-connectionOf(r).secured:
		return nil
	case <-connectionOf(r).gone:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// holdArrival has a request for a session wait that came in 0-RTT, where it would
// end what another has begun, a session or its event stream: somebody may have
// kept it back until now.
func (g *Gateway) holdArrival(r *http.Request, a arrival) *wire.Problem {
	s := g.registry.session(a.claims.Session)
	if s == nil || !early(r) {
		return nil
	}
	ends := false
	s.call(func() { ends = s.feed != nil || !s.bond.holds(a.bond) })
	if ends && secured(r.Context(), r) != nil {
		return noSession()
	}
	return nil
}

// holds says whether an action of the entitlement that allows this protocol and
// port holds early payload. Which hosts it names is not asked: a wait too many
// costs a round trip.
func (e *entitlement) holds(t target) bool {
	return slices.ContainsFunc(e.actions, func(a wire.Action) bool {
		return a.HoldEarly && a.Effect == wire.EffectAllow && a.Protocol == t.transport() && (a.Protocol == wire.ICMP || slices.Contains(a.Ports, t.port))
	})
}
