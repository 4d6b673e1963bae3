//go:build !linux

package gateway

import "context"

// clockSet tells nothing here.
func clockSet(ctx context.Context) (set, ended <-chan struct{}) { return noClockSet(ctx) }
