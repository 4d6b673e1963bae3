//go:build !linux

package app

import (
	"log/slog"

	"github.com/tidegate/tidegate/app/local"
	"github.com/tidegate/tidegate/dnssplit/names"
	"github.com/tidegate/tidegate/tunnel"
)

// newDevices returns nil: this system has no namespaces for single programs.
func newDevices(*tunnel.Dataplane, *names.Pool, *slog.Logger) local.Devices { return nil }
