//go:build !linux

package posture

import (
	"context"
	"runtime"

	"github.com/tidegate/tidegate/internal/wire"
)

func collect(_ context.Context, c wire.DeviceClaims) { c["os_name"] = runtime.GOOS }
