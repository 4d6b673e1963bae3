// Package clockset tells when the system's wall clock has made a step: when
// somebody has set it, and when the machine wakes, while whose sleep it went on and
// no timer did. Whoever would else look at the clock every few seconds is left
// asleep by it. The client and the gateway use it; its functions are safe for
// concurrent use.
package clockset

import "context"

// Watch has set receive, until ctx is over, whenever the clock has made a step, at
// once; several steps may be one. Nil: that cannot be told here. ended is closed
// once nothing of it is left. On Linux the kernel tells (timerfd_create(2),
// TFD_TIMER_CANCEL_ON_SET).
func Watch(ctx context.Context) (set, ended <-chan struct{}) { return watch(ctx) }

// Nothing is Watch where nothing is told.
func Nothing(context.Context) (set, ended <-chan struct{}) {
	done := make(chan struct{})
	close(done)
	return nil, done
}
