package tunnel

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// trickle has the application send n pieces, each so long after the other.
func trickle(far *memoryConn, piece []byte, n int, every time.Duration) {
	go func() {
		for range n {
			far.Write(piece)
			time.Sleep(every)
		}
		far.CloseWrite()
	}()
}

// A download whose path dies goes on by another, though the client sends nothing.
func TestPathDiesUnderADownload(t *testing.T) {
	for name, c := range map[string]struct {
		lane  string
		piece int
		every time.Duration
		most  time.Duration
	}{
		"little by h3": {"h3", 100, 100 * time.Millisecond, 2500 * time.Millisecond},
		"little by h2": {"h2", 100, 100 * time.Millisecond, 2500 * time.Millisecond},
		"much by h3":   {"h3", 64 << 10, 20 * time.Millisecond, 1750 * time.Millisecond},
		"much by h2":   {"h2", 64 << 10, 20 * time.Millisecond, 1750 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inLanes(t, Options{Lane: c.lane}, func(t *testing.T, s *sim) {
				app := s.applications()
				near := s.open()
				io.WriteString(near, "get")
				far := <-app
				wantRead(t, far, "get")
				const pieces = 200
				piece := bytes.Repeat([]byte("0123456789"), c.piece/10)
				trickle(far, piece, pieces, c.every)
				time.AfterFunc(pieces/2*c.every, s.sever)
				var gap time.Duration
				last := time.Now()
				var got bytes.Buffer
				for b := make([]byte, 64<<10); ; {
					n, err := near.Read(b)
					gap, last = max(gap, time.Since(last)), time.Now()
					got.Write(b[:n])
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatalf("after %d bytes: %v", got.Len(), err)
					}
				}
				if !bytes.Equal(got.Bytes(), bytes.Repeat(piece, pieces)) {
					t.Errorf("%d bytes of %d came, or others", got.Len(), pieces*len(piece))
				}
				if gap > c.most {
					t.Errorf("nothing for %v", gap)
				}
				near.Close()
				far.Close()
			})
		})
	}
}

// The gateway is asked once after a burst, while somebody may wait for more.
func TestOneProbeABurst(t *testing.T) {
	inLanes(t, Options{Lane: "h2"}, func(t *testing.T, s *sim) {
		app := s.applications()
		near := s.open()
		io.WriteString(near, "get")
		far := <-app
		wantRead(t, far, "get")
		time.Sleep(10 * time.Second)
		for range 3 {
			io.WriteString(far, "news")
			wantRead(t, near, "news")
			time.Sleep(900 * time.Millisecond) // acknowledged
			if n := s.during(3 * time.Second); n < 2 || n > 4 {
				t.Errorf("%d packets for a probe and its answer", n)
			}
			if n := s.during(time.Minute); n != 0 {
				t.Errorf("%d packets afterwards", n)
			}
		}
		near.CloseWrite()
		io.WriteString(far, "bye")
		far.CloseWrite()
		wantRead(t, near, "bye")
		time.Sleep(500 * time.Millisecond)
		if n := s.during(time.Minute); n != 0 {
			t.Errorf("%d packets after the flow's end", n)
		}
		near.Close()
		far.Close()
	})
}
