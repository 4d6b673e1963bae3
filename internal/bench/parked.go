package main

import (
	"context"

	"github.com/tidegate/tidegate/internal/gateway/gatewaybench"
)

// parked measures what a suspended session with a parked flow costs a gateway.
func (b *bench) parked(ctx context.Context) error {
	each, err := gatewaybench.Parked(ctx, 0)
	if err != nil {
		return err
	}
	report("parked-session", float64(each)/(1<<10), "KiB")
	return nil
}
