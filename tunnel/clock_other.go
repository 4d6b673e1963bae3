//go:build !linux

package tunnel

import "time"

var started = time.Now()

// awake is the time since the program was started.
func awake() time.Duration { return time.Since(started) }
