package tunnel

import (
	"io"
	"testing"
	"time"
)

// draw reads as many bytes a second as rate says by now, for d, and then ends
// both ends' connection. What is written meanwhile has no end.
func draw(t *testing.T, s *sim, app <-chan *memoryConn, d time.Duration, rate func() int) {
	t.Helper()
	c := s.open()
	go func() {
		buf := make([]byte, 64<<10)
		for {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	}()
	far := <-app
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := io.CopyN(io.Discard, far, int64(rate()/100)); err != nil {
			t.Error(err)
			return
		}
	}
	far.SetLinger(0)
	far.Close()
	io.Copy(io.Discard, c)
	c.Close()
}

func (s *sim) moves() int { return s.gw.count(func() int { return s.gw.resumed }) }

// Bulk that has moved, and is no slower, is followed by the next at once.
func TestBulkFollows(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		app := s.applications()
		steady := func() int { return 1 << 20 }
		draw(t, s, app, 4*time.Second, steady)
		if n := s.moves(); n != 1 {
			t.Errorf("moved %d times", n)
		}
		start, moved := time.Now(), time.Duration(0)
		draw(t, s, app, 4*time.Second, func() int {
			if s.moves() == 2 && moved == 0 {
				moved = time.Since(start)
			}
			return steady()
		})
		if n := s.moves(); n != 2 || moved > time.Second {
			t.Errorf("moved %d times, the second flow after %v", n, moved)
		}
		s.lane("h3")
	})
}

// Bulk that is slower after it has moved moves back, and the next stays for a while.
func TestBulkMovesBack(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		app := s.applications()
		draw(t, s, app, 6*time.Second, func() int {
			if s.moves() == 1 {
				return 400 << 10
			}
			return 8 << 20
		})
		if n := s.moves(); n != 2 {
			t.Errorf("moved %d times", n)
		}
		steady := func() int { return 1 << 20 }
		draw(t, s, app, 4*time.Second, steady)
		if n := s.moves(); n != 2 {
			t.Errorf("tried again at once: moved %d times", n)
		}
		time.Sleep(worseFor)
		draw(t, s, app, 4*time.Second, steady)
		if n := s.moves(); n < 3 {
			t.Errorf("not tried again: moved %d times", n)
		}
	})
}

// What moves little is looked at by nobody.
func TestLittleDoesNotMove(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		draw(t, s, s.applications(), 20*time.Second, func() int { return 60 << 10 })
		if n := s.moves(); n != 0 {
			t.Errorf("moved %d times", n)
		}
	})
}

// A trial that a suspension has ended tells nothing: bulk is tried again when it goes on.
func TestBulkIsSuspended(t *testing.T) {
	inLanes(t, Options{}, func(t *testing.T, s *sim) {
		app, suspended := s.applications(), false
		draw(t, s, app, 15*time.Second, func() int {
			if s.moves() == 1 && !suspended {
				suspended = true
				w := s.latest()
				w.Suspend++
				s.Apply(w)
			}
			return 1 << 20
		})
		if n := s.moves(); n != 3 { // it moved, was resumed, and moved again
			t.Errorf("moved %d times", n)
		}
	})
}
