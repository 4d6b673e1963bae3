//go:build !linux

package posture

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"github.com/tidegate/tidegate/internal/wire"
)

// builtin knows here only what Go itself can tell.
func builtin(o Options) func() []probe {
	system := probe{key: probeKey{builtin: "system"}, run: func(_ context.Context, c wire.DeviceClaims) {
		c["os_name"] = runtime.GOOS
		if name, err := os.Hostname(); err == nil {
			c["hostname"] = name
		}
		if o.Version != "" {
			c["client_version"] = o.Version
		}
	}}
	return func() []probe { return []probe{system, addressProbe()} }
}

// openRegular opens a file to read it, if it is a regular one.
func openRegular(path string) (*os.File, error) {
	if s, err := os.Stat(path); err != nil {
		return nil, err
	} else if !s.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(path)
}

// Neither programs are looked for here nor scripts run: both claims are left out.

func processProbes([]wire.Gather) []probe { return nil }

func scriptProbe(g wire.Gather, log *slog.Logger) func(context.Context, wire.DeviceClaims) {
	return func(context.Context, wire.DeviceClaims) {
		log.Info("scripts are not run on this system", "claim", g.Name)
	}
}

func listen(announce func(announcement), log *slog.Logger) listener {
	return hearNothing(announce, log)
}
