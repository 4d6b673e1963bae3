package netwatch

import "time"

// ticks comes each beat that the device is awake.
func ticks() (each <-chan struct{}, stop func()) {
	t := time.NewTicker(beat)
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
