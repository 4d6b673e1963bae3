package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/dnssplit/resolver"
)

// zone is below which the names are ours.
const zone = "corp.example"

// serveOurs is the client's resolver at an address, which asks a server that an
// adapter leads to.
func serveOurs(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("where to listen, whom to ask, by which adapter: %q", args)
	}
	server, err := netip.ParseAddr(args[1])
	if err != nil {
		return err
	}
	pool, err := names.Open(names.Options{})
	if err != nil {
		return err
	}
	pool.Set([]string{"wiki." + zone}, nil)
	r := resolver.New(resolver.Options{Zone: pool})
	r.Forward([]resolver.Upstream{{Servers: []netip.AddrPort{netip.AddrPortFrom(server, 53)}, Device: args[2]}})
	return serve(ctx, r, net.JoinHostPort(args[0], "53"))
}

// serve serves at an address of UDP and of TCP.
func serve(ctx context.Context, r *resolver.Resolver, at string) error {
	udp, err := net.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		return errors.Join(err, udp.Close())
	}

	if err := r.Serve(ctx, udp, tcp); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
