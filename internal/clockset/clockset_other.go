//go:build !linux

package clockset

import "context"

func watch(ctx context.Context) (set, ended <-chan struct{}) { return Nothing(ctx) }
