package app

import (
	"context"
	"log/slog"
	"net/netip"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/app/nameserver"
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

// Server implements local.Devices.
func (d devices) Server() netip.Addr { return nameserver.Addr }

// Carry implements local.Devices.
func (d devices) Carry(ctx context.Context, device *os.File) error {
	lookups := nameserver.New(nameserver.Options{Zone: d.pool, Router: d.plane.Router(), Log: d.log})
	carried := stack.New(stack.Options{Device: device, Router: lookups, Names: d.pool, Log: d.log})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return lookups.Run(ctx) })
	g.Go(func() error { return carried.Run(ctx) }) // which returns an error, always
	return g.Wait()
}
