//go:build !linux

package app

import (
	"context"
	"log/slog"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/dnssplit"
	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
	"github.com/tidegate/tidegate/tunnel"
)

// none is the device of a system that has none.
type none struct{}

func newDevice(profile.Profile, *tunnel.Dataplane, *names.Pool, *dnssplit.Split, func(bool, *wire.Problem), *slog.Logger) device {
	return none{}
}

func (none) Apply(session.Wanted) {}

func (none) Lead() {}

func (none) IPv6() bool { return false }

func (none) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
