package netwatch

import "time"

// ticks comes each beat, every so long that the device is awake.
func ticks(every time.Duration) (each <-chan struct{}, stop func()) {
	t := time.NewTicker(every)
	c, quit, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-t.C:
			case <-quit:
				return
			}
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}()
	return c, func() {
		t.Stop()
		close(quit)
		<-ended
	}
}
