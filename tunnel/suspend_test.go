package tunnel

import (
	"testing"
	"testing/synctest"
)

// A connection that is made after an order resumes the channel, however busy the
// data plane is.
func TestUseAfterOrder(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		w := config(s.pki, "10.0.0.2:443", "app.internal", 80)
		ping(t, s.open(), "hello")
		for range 20 {
			busy := make(chan struct{})
			s.Dataplane.running.Load().post(func() { <-busy })
			w.Suspend++
			s.Apply(w)
			made := make(chan *memoryConn)
			go func() { made <- s.open() }()
			synctest.Wait()
			close(busy)
			ping(t, <-made, "hello")
		}
		if p := s.now().Apps["app"].Problem; p != nil {
			t.Errorf("problem %+v", p)
		}
	})
}
