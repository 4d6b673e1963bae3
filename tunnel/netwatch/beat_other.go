//go:build !linux

package netwatch

import "time"

func beats(every time.Duration) (each <-chan struct{}, stop func()) { return ticks(every) }
