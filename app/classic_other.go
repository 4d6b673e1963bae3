//go:build !linux

package app

import (
	"log/slog"

	"github.com/tidegate/tidegate/app/profile"
)

// newClassic returns nil: this system cannot connect a classic VPN yet.
func newClassic(profile.Profile, func(), *slog.Logger) classic { return nil }
