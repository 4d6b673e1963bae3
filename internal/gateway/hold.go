package gateway

import "time"

// renewGrace is how long a session whose tokens have become void waits for the
// ones that the controller has sent to the client already. Nothing passes
// meanwhile, so it costs nobody's safety, and saves the flows that the new
// tokens still allow.
const renewGrace = 10 * time.Second

// hold is a session's wait for newer tokens.
type hold struct {
	until time.Time     // on the monotonic clock
	over  chan struct{} // closed when they have come
}

// outdate voids the tokens that were made from a policy older than least.
func (s *session) outdate(least uint64) {
	s.least = max(s.least, least)
	if s.held != nil || s.tokens.revision() >= s.least {
		return
	}
	s.held = &hold{until: time.Now().Add(renewGrace), over: make(chan struct{})}
	for _, e := range s.entitlements {
		e.lease.Store(0)
	}
	s.holdOn()
}

// holdOn ends the session when the wait has lasted long enough.
func (s *session) holdOn() {
	left := time.Until(s.held.until)
	if left <= 0 {
		s.end(ending{trigger: "policy", problem: outdatedProblem()})
	}
	s.g.calendar.Set(&s.handle, time.Now().Add(left)) // whatever the wall clock was set to
}

// release lets flows that wait go on to be judged, once this call has returned.
func (s *session) release() {
	if s.held != nil {
		close(s.held.over)
		s.held = nil
	}
}

// settled runs f as a call of the session, after a hold where there is one and
// after what f returns to wait for, again and again. It says whether f ran and
// wanted no more, before stop.
func (s *session) settled(stop <-chan struct{}, f func() (wait <-chan struct{})) bool {
	for {
		var wait <-chan struct{}
		ran := s.call(func() {
			if s.held != nil {
				wait = s.held.over
				return
			}
			wait = f()
		})
		if !ran || wait == nil {
			return ran
		}
		select {
		case <-wait:
		case <-s.done:
			return false
		case <-stop:
			return false
		}
	}
}
