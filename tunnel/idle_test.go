package tunnel

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/tidegate/tidegate/session"
)

// lose cuts the network, has write write into it, and wants the channel lost when
// it has been silent for no less than deadAfter, and no more than most.
func (s *sim) lose(most time.Duration, write func()) {
	s.t.Helper()
	s.cut.Store(true)
	start := time.Now()
	write()
	s.state(session.Connecting)
	if took := time.Since(start); took < deadAfter-fresh || took > most {
		s.t.Errorf("noticed after %v", took)
	}
	s.cut.Store(false)
	s.state(session.Connected)
	ping(s.t, s.open(), "again")
}

// A write that the gateway has answered says nothing of the one after it.
func TestSilenceAfterAnAnswer(t *testing.T) {
	for _, since := range []time.Duration{time.Second, 5 * time.Second, deadAfter - time.Second, deadAfter, deadAfter + time.Second, 2 * deadAfter} {
		t.Run(since.String(), func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				c := s.open()
				ping(t, c, "hello")
				time.Sleep(since)
				s.lose(deadAfter+2*time.Second, func() { c.Write([]byte("anybody?")) })
				wantRead(t, c, "anybody?")
			})
		})
	}
}

// Writing on does not put off the end.
func TestSilenceUnderWrites(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		for range 20 {
			ping(t, c, "hello")
			time.Sleep(time.Second)
		}
		s.lose(deadAfter+2*time.Second, func() { keepWriting(c, []byte("anybody?"), time.Second) })
		c.Close()
		time.Sleep(time.Minute) // whoever wrote has noticed
	})
}

// What was under way is answered in part: the rest is missed at the next look.
func TestSilenceDuringAnUpload(t *testing.T) {
	for _, after := range []time.Duration{100 * time.Millisecond, 3 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			inSim(t, Options{}, func(t *testing.T, s *sim) {
				s.gw.reach(memorySink)
				c := s.open()
				keepWriting(c, make([]byte, 100<<10), 10*time.Millisecond)
				time.Sleep(after)
				s.lose(deadAfter+3*time.Second, func() { s.gw.reach(memoryEcho) })
				c.Close()
				time.Sleep(time.Minute)
			})
		})
	}
}

// keepWriting writes b again and again, until that fails.
func keepWriting(c *memoryConn, b []byte, every time.Duration) {
	go func() {
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
			time.Sleep(every)
		}
	}()
}

// memorySink is an application that reads and says nothing.
func memorySink(string) (appConn, error) {
	near, far := memoryPair()
	go io.Copy(io.Discard, far)
	return near, nil
}

// An application that does not read keeps its flow full: what is not sent waits
// for no answer.
func TestStalledApplicationIsNoSilence(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		far := make(chan *memoryConn, 1)
		s.gw.reach(func(string) (appConn, error) {
			near, app := memoryPair()
			far <- app
			return near, nil
		})
		c := s.open()
		var sent []byte
		go func() {
			for len(sent) < 4<<20 {
				b := bytes.Repeat([]byte{byte(len(sent) >> 8)}, 500)
				if _, err := c.Write(b); err != nil {
					t.Errorf("after %d bytes: %v", len(sent), err)
					return
				}
				sent = append(sent, b...)
				time.Sleep(20 * time.Millisecond)
			}
			c.CloseWrite()
		}()
		app := <-far
		time.Sleep(3 * time.Hour)
		got, err := io.ReadAll(app)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came of %d, %v", len(got), len(sent), err)
		}
		app.Close()
	})
}

// A flow that sends nothing outlives an outage, whenever that begins.
func TestQuietFlowOutlivesAnOutage(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		c := s.open()
		ping(t, c, "hello")
		time.Sleep(time.Second)
		for _, since := range []time.Duration{2 * rtt, time.Second, 10 * time.Second, deadAfter, 20 * time.Second, 2 * deadAfter, 10 * time.Minute} {
			ping(t, c, "before")
			time.Sleep(since)
			s.cut.Store(true)
			time.Sleep(20 * time.Minute)
			s.cut.Store(false)
		}
		ping(t, c, "after")
	})
}

// What comes just before a look is acknowledged just after it: that is not
// answered, and is no silence.
func TestLateAcknowledgementIsNoSilence(t *testing.T) {
	inSim(t, Options{}, func(t *testing.T, s *sim) {
		var after time.Duration
		s.gw.reach(func(string) (appConn, error) {
			near, app := memoryPair()
			go func() {
				b := make([]byte, 5)
				io.ReadFull(app, b)
				app.Write(b)
				time.Sleep(after)
				app.Write([]byte("late"))
				echo(app)
			}()
			return near, nil
		})
		for after = deadAfter - 2*rtt; after < deadAfter+rtt; after += 2 * time.Millisecond {
			c := s.open()
			ping(t, c, "hello")
			time.Sleep(after + time.Minute)
			if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
				t.Fatalf("%v after the answer: %v", after, err)
			}
			ping(t, c, "still there")
			c.Close()
			time.Sleep(time.Minute)
		}
	})
}
