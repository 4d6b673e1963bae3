package carrier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// moveTo gives new sockets another address; packets of the old one are lost.
func (b *bed) moveTo(addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.here = netip.MustParseAddr(addr)
	here := b.here
	b.lost = func(_ string, from, to netip.AddrPort) bool {
		return from != at && from.Addr() != here || to != at && to.Addr() != here
	}
}

func TestRoam(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		c := b.dial(H3)
		s := talk(t, c, "hello")
		for _, to := range []string{"10.0.1.1", "10.0.2.1", "10.0.3.1"} {
			time.Sleep(settling)
			b.moveTo(to)
			began := time.Now()
			if err := c.Roam(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 2*oneWay {
				t.Errorf("it took %v, want a round trip", took)
			}
			say(t, s, "from "+to)
			if took := time.Since(began); took > 6*oneWay {
				t.Errorf("%v passed without a byte", took)
			}
		}
		synctest.Wait()
		if b.open() != 1 {
			t.Errorf("%d sockets are open", b.open())
		}
	})
}

// A download goes on though the client has nothing to say.
func TestRoamWhileReading(t *testing.T) {
	const size = 8 << 20
	inBed(t, func(t *testing.T, b *bed) {
		sum := make(chan [32]byte, 1)
		b.far.connect = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			h := sha256.New()
			src := rand.New(rand.NewPCG(1, 2))
			for n := 0; n < size; {
				part := make([]byte, 10_000)
				for i := range part {
					part[i] = byte(src.Uint32())
				}
				h.Write(part)
				n += len(part)
				if _, err := w.Write(part); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
			}
			sum <- [32]byte(h.Sum(nil))
		}
		c := b.dial(H3)
		s, err := c.Connect(t.Context(), Request{Authority: "a:1"})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(300*time.Millisecond, func() {
			b.moveTo("10.0.1.1")
			time.Sleep(20 * time.Millisecond) // until it is noticed
			if err := c.Roam(t.Context()); err != nil {
				t.Errorf("roam: %v", err)
			}
		})
		h := sha256.New()
		var gap time.Duration
		buf := make([]byte, 64<<10)
		for last := time.Now(); ; last = time.Now() {
			n, err := s.Read(buf)
			h.Write(buf[:n])
			gap = max(gap, time.Since(last))
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := [32]byte(h.Sum(nil)); got != <-sum {
			t.Error("other bytes came")
		}
		t.Logf("longest gap %v", gap)
		if gap > 150*time.Millisecond {
			t.Errorf("the longest gap is %v", gap)
		}
	})
}

// Nothing answers on the new path: the carrier stays where it was, and works
// there again.
func TestRoamIntoNothing(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		c := b.dial(H3)
		s := talk(t, c, "hello")
		b.lose(func(_ string, from, to netip.AddrPort) bool { return from.Port() == 40002 || to.Port() == 40002 })
		began := time.Now()
		if err := c.Roam(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != probing {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		say(t, s, "here still")
		if err := c.Roam(t.Context()); err != nil {
			t.Error(err)
		}
		say(t, s, "and there")
	})
}

func TestRoamEnds(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		c := b.dial(H3)
		b.lose(drop("udp"))
		time.AfterFunc(time.Second, c.Close)
		began := time.Now()
		if err := c.Roam(t.Context()); err == nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := c.Roam(t.Context()); err == nil {
			t.Error("a closed carrier roams")
		}
		synctest.Wait()
		if b.open() != 0 {
			t.Errorf("%d sockets are open", b.open())
		}
	})
}

// Each path that was costs a little: a carrier roams so often and no more.
func TestRoamAgainAndAgain(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		c := b.dial(H3)
		var err error
		n := 0
		for ; err == nil && n < 1000; n++ {
			err = c.Roam(t.Context())
		}
		if !errors.Is(err, errors.ErrUnsupported) || n != maxPaths {
			t.Errorf("%v after %d", err, n)
		}
		talk(t, c, "hello")
	})
}

func TestH2DoesNotRoam(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		if err := b.dial(H2).Roam(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	})
}

// The client's address changes under the socket, as behind a NAT.
func TestRebinding(t *testing.T) {
	inBed(t, func(t *testing.T, b *bed) {
		c := b.dial(H3)
		s := talk(t, c, "hello")
		b.mu.Lock()
		for from, u := range b.udp {
			if from.Port() > 40000 {
				delete(b.udp, from)
				u.at = netip.AddrPortFrom(netip.MustParseAddr("10.0.5.1"), 999)
				b.udp[u.at] = u
			}
		}
		b.mu.Unlock()
		say(t, s, "from elsewhere")
		sent := bytes.Repeat([]byte("0123456789"), 100_000)
		go s.Write(sent)
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, sent) {
			t.Error("other bytes came", err)
		}
	})
}
