package app

import (
	"context"
	"log/slog"
	"net/netip"
	"os"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/dnssplit"
	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel"
	"github.com/tidegate/tidegate/tunnel/stack"
)

// newDevice makes the network device of all this user's programs, which reports
// whether it works.
func newDevice(p profile.Profile, plane *tunnel.Dataplane, pool *names.Pool, split *dnssplit.Split, report func(up bool, why *wire.Problem), log *slog.Logger) device {
	return tun.New(tun.Options{
		Routes: func() []netip.Prefix {
			prefixes := pool.Prefixes()
			return prefixes[:]
		},
		Controller: controller(p),
		Servers:    split.Servers,
		Carry: func(ctx context.Context, device *os.File) error {
			return stack.New(stack.Options{Device: device, Router: plane.Router(), Names: pool, Log: log}).Run(ctx)
		},
		Report: report,
		Log:    log,
	})
}
