//go:build !linux && !darwin && !windows

package resolver

import (
	"errors"
	"fmt"
)

// bindTo cannot bind a socket to an adapter here, and has the lookup fail rather
// than leave by another.
func bindTo(_ uintptr, _, device string) error {
	return fmt.Errorf("bind to adapter %s: %w", device, errors.ErrUnsupported)
}
