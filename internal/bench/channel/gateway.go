package channel

import (
	"context"
	"net"

	"github.com/tidegate/tidegate/internal/gateway/gatewaybench"
)

// serveGateway is our gateway.
func serveGateway(ctx context.Context, r *role) error {
	return gatewaybench.Serve(ctx, r.dir, r.at, r.log, func(a net.Addr) { ready(a) })
}
