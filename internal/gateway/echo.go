package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

// echoTimeout is how long an answer to a ping is awaited.
const echoTimeout = 5 * time.Second

// postEcho pings a host for a client that may.
func (g *Gateway) postEcho(w http.ResponseWriter, r *http.Request, c *carrier) {
	var req wire.EchoRequest
	problem := readBody(w, r, &req)
	if problem == nil && (req.Size < 0 || req.Size > wire.MaxEcho) {
		problem = &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The size of a ping is from 0 to 1400 bytes"}
	}
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	t, err := parseEcho(req.Host)
	if err != nil {
		g.refuse(w, &wire.Problem{Code: wire.CodeBadRequest, Status: http.StatusBadRequest, Title: "The destination cannot be read", Detail: err.Error()})
		return
	}
	f, leave, problem := g.openFlow(r, c, t)
	if problem != nil {
		g.refuse(w, problem)
		return
	}
	defer leave()
	ctx, cancel := context.WithTimeout(f.ctx, echoTimeout)
	defer cancel()
	var rtt time.Duration
	at, err := g.dialer.reach(ctx, t, f.literal, func(t target) bool { return f.session.blocks(f.flow, t) }, func(to netip.AddrPort) error {
		var err error
		rtt, err = sendEcho(ctx, to.Addr(), req.Size)
		return err
	})
	if err == nil {
		f.session.opened(f.flow, at)
	}
	switch {
	case errors.Is(err, errNoPing):
		g.refuse(w, &wire.Problem{Code: wire.CodeNotAllowed, Status: http.StatusNotImplemented, Title: "The gateway's system lets it send no pings",
			Detail: "Its administrator may set net.ipv4.ping_group_range to the gateway's group."})
	case err != nil:
		g.refuse(w, g.dialProblem(f.flow, err))
	case !f.entitlement.permits() && !f.session.still(f.flow):
		g.refuse(w, g.dialProblem(f.flow, context.Canceled))
	default:
		f.up.Add(int64(req.Size))
		f.down.Add(int64(req.Size))
		w.Header().Set(wire.HeaderDecision, string(f.decision))
		wire.WriteJSON(w, http.StatusOK, wire.EchoReply{RTT: wire.Duration(rtt)})
	}
}

// parseEcho reads a host as an authority's is read; an IPv6 address may stand in
// brackets or not.
func parseEcho(host string) (target, error) {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	t, err := parseTarget(host + ":1")
	t.port, t.protocol = 0, wire.ICMP
	return t, err
}
