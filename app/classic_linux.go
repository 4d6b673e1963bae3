package app

import (
	"log/slog"
	"os"

	"github.com/tidegate/tidegate/app/profile"
	"github.com/tidegate/tidegate/app/tun"
	"github.com/tidegate/tidegate/internal/classicvpn"
)

// newClassic makes the user's classic VPNs.
func newClassic(p profile.Profile, log *slog.Logger) classic {
	return classicvpn.New(classicvpn.Options{
		Config:  p.Config,
		Runtime: p.Runtime,
		Helper:  os.Getenv(tun.SocketEnv),
		Log:     log,
	})
}
