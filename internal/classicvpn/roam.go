package classicvpn

import "time"

// spread is how far apart openconnect is told of new networks: it would never be done.
const spread = 5 * time.Second

// roam says when openconnect is to connect anew. It is for one goroutine.
type roam struct {
	last  string    // the way to the server that openconnect has; empty: none
	told  time.Time // when it was told last
	timer *time.Timer
}

// changed takes the way to the server after a change of the network; up: there is a
// tunnel that goes some way. Without a way it waits for one.
func (r *roam) changed(way string, slept, up bool) {
	switch {
	case !up:
	case way == "":
		r.last = ""
		r.stop()
	case way != r.last || slept:
		if r.timer == nil {
			r.timer = time.NewTimer(max(0, time.Until(r.told.Add(spread))))
		}
	case r.timer != nil && !slept: // it is back where it was, and nobody knows
		r.stop()
	}
}

// due has a token when openconnect is to be told.
func (r *roam) due() <-chan time.Time {
	if r.timer == nil {
		return nil
	}
	return r.timer.C
}

// done notes that openconnect is told, and goes this way from now on.
func (r *roam) done(way string) {
	r.goes(way)
	r.told = time.Now()
}

// goes notes the way of a tunnel that is there.
func (r *roam) goes(way string) {
	r.stop()
	r.last = way
}

func (r *roam) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}
