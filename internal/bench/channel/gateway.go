package channel

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/internal/gateway"
	"github.com/tidegate/tidegate/internal/gateway/gatewaybench"
	"github.com/tidegate/tidegate/internal/heap"
	"github.com/tidegate/tidegate/internal/wire"
)

// wakeLine begins the line with which a gateway asks for a session's client.
const wakeLine = "wake "

// serveGateway is our gateway. The command is "counts".
func serveGateway(ctx context.Context, r *role) error {
	heap.Floor(gateway.HeapFloor)
	s := gatewaybench.Serving{Dir: r.dir, Listen: r.at, Log: r.log, Ready: func(g *gateway.Gateway) {
		ready(g.Addr())
		go func() {
			for c := range r.commands {
				if c == "counts" {
					sessions, flows := g.Counts()
					tell(r, counts{Sessions: sessions, Flows: flows})
				}
			}
		}()
	}}
	if r.churn {
		s.Limits = gateway.Limits{ParkedFor: wire.Duration(churnParked), ParkedFlows: 2048, Flows: 8192}
		s.Woken = func(sessions []wire.SessionID) {
			for _, sid := range sessions {
				fmt.Println(wakeLine + string(sid))
			}
		}
	}
	return gatewaybench.Serve(ctx, s)
}

// churnParked is for how long a gateway keeps what no client comes for.
const churnParked = time.Minute
