package carrier

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/wire"
)

func TestProbe(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		talk(t, c, "a flow")
		began := time.Now()
		if err := c.Probe(t.Context()); err != nil || time.Since(began) != 2*oneWay {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
		// A gateway that refuses is there.
		b.far.update(func() { b.far.refuse = &wire.Problem{Code: wire.CodeOverload, Status: http.StatusServiceUnavailable} })
		if err := c.Probe(t.Context()); err != nil {
			t.Errorf("refused: %v", err)
		}
		// One that is not reached is not.
		b.lose(func(string, netip.AddrPort, netip.AddrPort) bool { return true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Probe(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of a dead network: %v", err)
		}
		c.Close()
		if err := c.Probe(t.Context()); !errors.Is(err, ErrLost) && !errors.Is(err, ErrUnsent) {
			t.Errorf("once closed: %v", err)
		}
	})
}

// Close ends a probe that is under way.
func TestProbeOfAClosedCarrier(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		b.lose(func(string, netip.AddrPort, netip.AddrPort) bool { return true })
		time.AfterFunc(time.Second, c.Close)
		if err := c.Probe(t.Context()); !errors.Is(err, ErrLost) {
			t.Errorf("%v", err)
		}
	})
}

// A flow that the application does not read holds no probe up.
func TestProbeBesideAFullFlow(t *testing.T) {
	onLanes(t, func(t *testing.T, b *bed, c Carrier) {
		b.far.update(func() {
			b.far.connect = func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}
		})
		s, err := c.Connect(t.Context(), Request{Authority: "app.internal:80"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abort()
		go io.CopyN(s, zeros{}, 64<<20)
		time.Sleep(10 * time.Second) // virtual: the window is full by then
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := c.Probe(ctx); err != nil {
			t.Error(err)
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
