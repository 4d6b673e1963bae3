package app

import (
	"context"
	"log/slog"
	"net/netip"
	"os"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session/vault"
	"github.com/tidegate/tidegate/tunnel"
	"github.com/tidegate/tidegate/tunnel/stack"
)

// newDevice makes the network device of all this user's programs, which reports
// whether it works.
func newDevice(p profile.Profile, plane *tunnel.Dataplane, report func(up bool, why *wire.Problem), log *slog.Logger) device {
	return tun.New(tun.Options{
		Routes: []netip.Prefix{tunnel.SyntheticIPv4, tunnel.SyntheticIPv6},
		Controller: func() (string, error) {
			e, err := vault.Records{Dir: p.Config}.Load()
			return e.Controller, err
		},
		Carry: func(ctx context.Context, device *os.File) error {
			return stack.New(stack.Options{Device: device, Router: plane.Router(), Names: plane.Names(), Log: log}).Run(ctx)
		},
		Report: report,
		Log:    log,
	})
}
