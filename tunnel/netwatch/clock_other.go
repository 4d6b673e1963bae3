//go:build !linux

package netwatch

import "time"

var started = time.Now()

// clocks are the wall's, which goes on while the device sleeps and may be set,
// and Go's, which does not go on everywhere.
func clocks() (boot, awake time.Duration) {
	return time.Now().Round(0).Sub(started.Round(0)), time.Since(started)
}
