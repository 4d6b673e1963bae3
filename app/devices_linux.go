package app

import (
	"context"
	"log/slog"
	"net/netip"
	"os"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/tunnel"
	"github.com/tidegate/tidegate/tunnel/stack"
)

// devices carries the devices of `tidegate run`.
type devices struct {
	plane *tunnel.Dataplane
	pool  *names.Pool
	log   *slog.Logger
}

func newDevices(plane *tunnel.Dataplane, pool *names.Pool, log *slog.Logger) local.Devices {
	return devices{plane, pool, log}
}

// Names implements local.Devices.
func (d devices) Names() map[string][2]netip.Addr { return d.pool.All() }

// Carry implements local.Devices.
func (d devices) Carry(ctx context.Context, device *os.File) error {
	return stack.New(stack.Options{Device: device, Router: d.plane.Router(), Names: d.pool, Log: d.log}).Run(ctx)
}
