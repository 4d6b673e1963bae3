// Package posture collects the device claims: what the device says of itself
// at sign-in. They are claims, not proofs: it runs under the user's control. A
// claim that cannot be found out is left out, and a condition that reads it
// then denies and names it. Called by the client; keeps no state.
package posture

import (
	"context"
	"os"

	"github.com/tidegate/tidegate/internal/wire"
)

// Collect reports the claims that this system can tell without privilege:
// hostname, os_name, os_version, disk_encryption and firewall.
func Collect(ctx context.Context) wire.DeviceClaims {
	c := wire.DeviceClaims{}
	if h, err := os.Hostname(); err == nil {
		c["hostname"] = h
	}
	collect(ctx, c)
	return c
}
