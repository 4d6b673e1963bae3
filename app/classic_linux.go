package app

import (
	"context"
	"log/slog"
	"os"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/internal/classicvpn"
	"github.com/tidegate/tidegate/internal/classicvpn/sense"
	"github.com/tidegate/tidegate/internal/helper/client"
)

// newClassic makes the user's classic VPNs, and what senses others'. Before a VPN leads
// packets away, ahead is called.
func newClassic(p profile.Profile, ahead func(), log *slog.Logger) classic {
	helper := client.Helper{Socket: os.Getenv(tun.SocketEnv)}
	return classicvpn.New(classicvpn.Options{
		Config:  p.Config,
		Runtime: p.Runtime,
		Helper:  helper.Socket,
		Sensor: sense.New(sense.Options{
			Helper: func(ctx context.Context) (sense.Sensor, error) {
				s, err := helper.Sense(ctx)
				if err != nil {
					return nil, err
				}
				return s, nil
			},
			Log: log,
		}),
		Ahead: ahead,
		Log:   log,
	})
}
