//go:build !linux

package app

import (
	"log/slog"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/tunnel"
)

// newDevices returns nil: this system has no namespaces for single programs.
func newDevices(*tunnel.Dataplane, *slog.Logger) local.Devices { return nil }
