package gather

import (
	"context"
	"sync"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/carrier"
)

// gateway tries both lanes to a gateway, with this device's certificate and
// without tokens.
func (r *run) gateway(ctx context.Context, g wire.Gateway) found {
	lanes := [2]carrier.Lane{carrier.H3, carrier.H2}
	var ways [2]way
	var running sync.WaitGroup
	for i, lane := range lanes {
		running.Go(func() { ways[i] = r.tryGateway(ctx, g, lane) })
	}
	running.Wait()
	return found{checks: reach("gateway-"+g.Name, say("The gateway %s", g.Name), g.Address, ways[0], ways[1])}
}

// tryGateway has a connection of its own made by a Dialer that knows nothing yet,
// and answered once.
func (r *run) tryGateway(ctx context.Context, g wire.Gateway, lane carrier.Lane) way {
	begun := time.Now()
	c, err := carrier.New(carrier.Options{Underlay: r.Underlay}).DialLane(ctx, g, r.peers.Identity, lane)
	if err != nil {
		return way{err: err}
	}
	defer c.Close()
	took := time.Since(begun)
	return way{took, c.Probe(ctx)}
}
