package nameserver

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/tidegate/tidegate/dnssplit/resolver"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/front"
)

// Addr is where it answers, at port 53 of UDP and TCP. It lies in a network of
// addresses that stand for names, where none has what ends in 255.
var Addr = netip.MustParseAddr("100.96.255.255")

const port = 53

// Options for New. Zone and Router are needed.
type Options struct {
	// Zone is what is answered.
	Zone resolver.Zone
	// Router has all that is no lookup.
	Router front.Router
	// Log is for the developer; nil is silent.
	Log *slog.Logger
}

// Server answers lookups, and has the rest carried: it is a front.Router. Make it
// with New.
type Server struct {
	front.Router
	resolver *resolver.Resolver
	packets  *packets
	streams  *streams
}

// New makes a Server that answers nothing until Run.
func New(o Options) *Server {
	return &Server{
		Router:   o.Router,
		resolver: resolver.New(resolver.Options{Zone: o.Zone, Log: o.Log}),
		packets:  newPackets(),
		streams:  newStreams(),
	}
}

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	return s.resolver.Serve(ctx, s.packets, s.streams)
}

// asks says whether a target is where lookups go, by that protocol.
func asks(t front.Target, p wire.Protocol) bool {
	return t.Port == port && t.Protocol == p && t.Host == Addr.String()
}

// Covers implements front.Router.
func (s *Server) Covers(t front.Target) bool {
	return asks(t, wire.UDP) || asks(t, wire.TCP) || s.Router.Covers(t)
}

// Packets implements front.Router.
func (s *Server) Packets(ctx context.Context, t front.Target) (front.Packets, error) {
	if asks(t, wire.UDP) {
		return s.packets.open(), nil
	}
	return s.Router.Packets(ctx, t)
}

// Carry implements front.Router.
func (s *Server) Carry(ctx context.Context, o front.Offer) {
	if asks(o.Target, wire.TCP) {
		s.streams.carry(ctx, o)
		return
	}
	s.Router.Carry(ctx, o)
}
